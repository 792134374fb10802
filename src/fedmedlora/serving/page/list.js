// The marks of a note as a list, each with what can be done to it: all that the text's drawing shows,
// for those who do not see it or use no mouse.

import { CROSS, isMain, MAIN } from "./marks.js";
import { make, numbered } from "./text.js";

function choice(label, options, value, change) {
  const select = make("select", { "aria-label": label });
  for (const [key, text] of options) select.append(make("option", { value: key, text }));
  select.value = value;
  select.onchange = () => change(select.value);
  return select;
}

function away(label, act) {
  const button = make("button", { type: "button", classes: "away", text: "take away", "aria-label": label });
  button.onclick = act;
  return button;
}

// `desk` says which types there are; `act` does a change and draws anew; `choose` chooses an entity.
export function list(container, characters, marks, { chosen, desk, act, choose }) {
  const numbers = numbered(marks);
  const words = (entity) => characters.slice(entity.start, entity.end).join("");
  const named = (id) => `${numbers.get(id)} ${words(marks.by(id))}`;
  const mains = marks.entities.filter(isMain);

  function row(entity) {
    const name = make("button", { type: "button", classes: `words k-${isMain(entity) ? entity.type : "modifier"}` });
    name.textContent = isMain(entity) ? named(entity.id) : words(entity);
    name.onclick = () => choose(entity.id);
    const types = desk.entities.map((type) => [type, type]);
    const parts = [name, choice(`Type of ${words(entity)}`, types, entity.type, (type) => act(() => marks.retype(entity.id, type)))];
    if (!isMain(entity)) {
      const heads = marks.relations.filter((one) => one.tail === entity.id).map((one) => one.head);
      const options = [["", "belongs to nothing"], ...mains.map((one) => [one.id, `of ${named(one.id)}`])];
      parts.push(choice(`What ${words(entity)} belongs to`, options, heads[0] ?? "", (head) => act(() => marks.belong(entity.id, head || null))));
    }
    if (entity.confidence != null) {
      parts.push(make("span", { classes: "sure", text: `${Math.round(entity.confidence * 100)} % sure` }));
    }
    parts.push(away(`Take away ${entity.type} ${words(entity)}`, () => act(() => marks.take(entity.id))));
    return make("div", { classes: "row" }, ...parts);
  }

  function crossing(entity) {
    const own = marks.relations.filter((one) => one.head === entity.id && CROSS.includes(one.type));
    const rows = own.map((one) =>
      make("li", {}, `${one.type} ${named(one.tail)} `, away(`Take away ${one.type} ${named(one.tail)}`, () => act(() => marks.untie(one)))),
    );
    const known = CROSS.filter((type) => desk.relations.includes(type));
    const others = mains.filter((one) => one.id !== entity.id);
    if (known.length && others.length) {
      const options = [["", "relation to…"]];
      for (const type of known) for (const one of others) options.push([`${type} ${one.id}`, `${type} ${named(one.id)}`]);
      const add = (value) => {
        const [type, id] = value.split(" ");
        act(() => marks.tie(type, entity.id, id));
      };
      rows.push(make("li", {}, choice(`A relation of ${named(entity.id)}`, options, "", add)));
    }
    return rows;
  }

  function item(entity) {
    const inner = isMain(entity) ? make("ul", {}, ...crossing(entity)) : "";
    const line = make("li", { "data-id": entity.id }, row(entity), inner);
    if (entity.id === chosen) line.classList.add("chosen");
    return line;
  }

  const before = document.activeElement?.closest("#list") && document.activeElement.getAttribute("aria-label");
  container.replaceChildren(...marks.entities.map(item));
  if (!marks.entities.length) container.append(make("li", { text: "Nothing is marked." }));
  // What had the focus was drawn anew; its place in the list has not changed for who types.
  if (before) container.querySelector(`[aria-label="${CSS.escape(before)}"]`)?.focus();
}

export function tally(marks) {
  const main = marks.entities.filter((one) => MAIN.includes(one.type)).length;
  return `entities: ${main}; relations: ${marks.relations.length}`;
}
