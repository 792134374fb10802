// The page: a note is read by one adapter or two, looked at, corrected, and saved.

import { ask, noteAt } from "./asking.js";
import { watch } from "./federation.js";
import { list, tally } from "./list.js";
import { MAIN, Marks } from "./marks.js";
import { draw, make, select, selected, wordsOf } from "./text.js";

const at = (id) => document.getElementById(id);
const note = at("note");

// What is on the page: the note's text as characters, its marks, and what is chosen in it.
const here = { desk: null, text: "", characters: [], words: [], marks: new Marks({ entities: [], relations: [] }), chosen: null, word: null, saved: true };

const tell = (text) => {
  at("said").textContent = text;
};

function drawAll() {
  const { characters, marks, chosen, desk } = here;
  draw(note, characters, marks, { chosen, choose });
  list(at("list"), characters, marks, { chosen, desk, act, choose });
  at("note-tally").textContent = tally(marks);
  at("undo").disabled = !marks.canUndo;
  at("save").disabled = !characters.length;
}

function act(change) {
  change();
  here.saved = false;
  if (here.chosen && !here.marks.by(here.chosen)) here.chosen = null;
  drawAll();
}

function choose(id) {
  here.chosen = id;
  at("marking").hidden = true;
  drawAll();
  const entity = id && here.marks.by(id);
  if (entity) tell(`${entity.type}: ${here.characters.slice(entity.start, entity.end).join("")}`);
}

function open(id, text, marks) {
  Object.assign(here, { text, characters: [...text], marks: new Marks(marks), chosen: null, word: null, saved: true });
  here.words = wordsOf(here.characters);
  at("note-title").textContent = id;
  at("name").value = id;
  at("marking").hidden = true;
  at("other").hidden = true;
  note.scrollTop = 0;
  drawAll();
}

const mayLeave = () => here.saved || confirm("This note's corrections are not saved. Leave them?");

// ---------------------------------------------------------------- reading

async function read() {
  const text = at("pasted").value || here.text;
  if (!text.trim() || !mayLeave()) return;
  const pasted = at("pasted").value !== "";
  const id = pasted ? `pasted-${new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}` : at("name").value;
  at("extract").disabled = true;
  tell("Reading…");
  try {
    const found = await ask("api/readings", { method: "POST", body: { reader: at("reader").value, text } });
    open(id, text, found);
    // What a model found is nobody's correction yet, but it may be saved as it is.
    const lost = Object.values(found.lost).reduce((sum, one) => sum + one, 0);
    tell(`Read in ${found.seconds.toFixed(1)} s${lost ? `; ${lost} announced entities stand nowhere` : ""}`);
    if (at("beside").value) await readBeside(text, found);
  } catch (error) {
    tell(error.message);
  } finally {
    at("extract").disabled = false;
  }
}

const same = (one, other) => one.type === other.type && one.start === other.start && one.end === other.end;

async function readBeside(text, first) {
  const name = at("beside").value;
  const second = await ask("api/readings", { method: "POST", body: { reader: name, text } });
  const marks = new Marks(second);
  const only = second.entities.filter((one) => !first.entities.some((other) => same(one, other)));
  const missed = first.entities.filter((one) => !second.entities.some((other) => same(one, other)));
  at("other").hidden = false;
  at("other-title").textContent = `Read by ${name}`;
  at("other-tally").textContent = `${tally(marks)}; found by it alone (+): ${only.length}; not found by it: ${missed.length}`;
  draw(at("other-note"), here.characters, marks, { only: new Set(only.map((one) => one.id)) });
}

async function openNote(id) {
  if (!id || !mayLeave()) return;
  try {
    const kept = await ask(noteAt(id));
    at("pasted").value = "";
    open(id, kept.text, kept);
    tell(kept.corrected ? "As it was corrected" : "");
  } catch (error) {
    tell(error.message);
  }
}

// ---------------------------------------------------------------- correcting

function chosenText() {
  return selected(note, here.characters) ?? (here.word === null ? null : here.words[here.word]);
}

function mark(type) {
  const place = chosenText();
  if (!place) {
    if (here.chosen) act(() => here.marks.retype(here.chosen, type));
    return;
  }
  act(() => {
    const head = MAIN.includes(type) ? null : here.marks.nearestMain(...place);
    here.chosen = here.marks.mark(type, ...place, head);
  });
  at("marking").hidden = true;
  tell(`${type}: ${here.characters.slice(...place).join("")}`);
}

function offer() {
  const place = selected(note, here.characters);
  at("marking").hidden = !place;
}

function fillMarking() {
  const buttons = here.desk.entities.filter((type) => MAIN.includes(type)).map((type) => {
    const button = make("button", { type: "button", classes: `k-${type}`, text: type });
    // The selection must outlast the click.
    button.onmousedown = (event) => event.preventDefault();
    button.onclick = () => mark(type);
    return button;
  });
  const kinds = make("select", { id: "kinds", "aria-label": "What belongs to an entity" });
  kinds.append(make("option", { value: "", text: "belongs to one…" }));
  const modifiers = here.desk.entities.filter((type) => !MAIN.includes(type));
  kinds.append(...modifiers.map((type) => make("option", { value: type, text: type })));
  kinds.onchange = () => {
    if (kinds.value) mark(kinds.value);
    kinds.value = "";
  };
  at("marking").replaceChildren(...buttons, ...(modifiers.length ? [kinds] : []));
}

function moveWord(step, extend) {
  const { words } = here;
  if (!words.length) return;
  const place = chosenText();
  const edge = place && words.findIndex(([start, end]) => (step > 0 ? end >= place[1] : end > place[0]));
  const next = Math.min(Math.max(place ? edge + step : 0, 0), words.length - 1);
  const [start, end] = words[next];
  const from = extend && place ? Math.min(place[0], start) : start;
  const to = extend && place ? Math.max(place[1], end) : end;
  here.word = next;
  here.chosen = null;
  select(note, from, to);
  at("marking").hidden = false;
  tell(here.characters.slice(from, to).join(""));
}

function moveEntity(step) {
  const { entities } = here.marks;
  if (!entities.length) return;
  const index = entities.findIndex((one) => one.id === here.chosen);
  const next = index < 0 ? (step > 0 ? 0 : entities.length - 1) : (index + step + entities.length) % entities.length;
  document.getSelection().removeAllRanges();
  here.word = null;
  choose(entities[next].id);
  note.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
}

const KEYS = {
  ArrowRight: (event) => moveWord(1, event.shiftKey),
  ArrowLeft: (event) => moveWord(-1, event.shiftKey),
  n: () => moveEntity(1),
  p: () => moveEntity(-1),
  m: () => {
    at("marking").hidden = false;
    at("kinds")?.focus();
  },
  Delete: () => here.chosen && act(() => here.marks.take(here.chosen)),
  Backspace: () => here.chosen && act(() => here.marks.take(here.chosen)),
  Escape: () => {
    document.getSelection().removeAllRanges();
    here.word = null;
    choose(null);
  },
};
MAIN.forEach((type, index) => {
  KEYS[index + 1] = () => here.desk.entities.includes(type) && mark(type);
});

note.addEventListener("keydown", (event) => {
  const key = KEYS[event.key];
  if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  key(event);
});
note.addEventListener("mouseup", () => {
  here.word = null;
  offer();
});

// ---------------------------------------------------------------- saving

async function save() {
  if (!here.desk.saves || !here.characters.length) return;
  const plain = ({ id, type, start, end, fragments = [] }) => ({ id, type, start, end, fragments });
  const body = { text: here.text, entities: here.marks.entities.map(plain), relations: here.marks.relations };
  const id = at("name").value.trim() || "note";
  try {
    const kept = await ask(noteAt(id), { method: "PUT", body });
    here.saved = true;
    await fillNotes();
    at("note-title").textContent = id;
    tell(`Saved ${kept.id} as a ${kept.split} note`);
  } catch (error) {
    tell(error.message);
  }
}

document.addEventListener("keydown", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  const inField = event.target.closest?.("textarea, input");
  if (event.key === "Enter") read();
  else if (event.key === "s") save();
  else if (event.key === "z" && !inField) act(() => here.marks.undo());
  else return;
  event.preventDefault();
});
// Curves between marks stand where the lines broke before.
window.addEventListener("resize", () => here.chosen && drawAll());
window.addEventListener("beforeunload", (event) => {
  if (!here.saved) event.preventDefault();
});

// ---------------------------------------------------------------- beginning

async function fillNotes() {
  const notes = await ask("api/notes");
  const lines = notes.map((one) => make("option", { value: one.id, text: `${one.corrected ? "✓ " : ""}${one.id}` }));
  const before = at("notes").value;
  at("notes").replaceChildren(make("option", { value: "", text: "choose…" }), ...lines);
  at("notes").value = before;
  at("of-notes").hidden = notes.length === 0;
}

function showReader() {
  const reader = here.desk.readers.find((one) => one.name === at("reader").value);
  at("caution").hidden = !reader?.caution;
  at("caution").textContent = reader?.caution ?? "";
  at("reader").title = reader?.origin ?? "";
}

function showView(name) {
  for (const view of ["reading", "federation"]) {
    at(view).hidden = view !== name;
    at(`show-${view}`).setAttribute("aria-pressed", String(view === name));
  }
}

async function begin() {
  here.desk = await ask("api/desk");
  const { readers } = here.desk;
  const options = readers.map((one) => make("option", { value: one.name, text: one.name }));
  at("reader").replaceChildren(...options);
  at("beside").replaceChildren(make("option", { value: "", text: "no other" }), ...options.map((one) => one.cloneNode(true)));
  at("of-beside").hidden = readers.length < 2;
  at("extract").disabled = readers.length === 0;
  at("of-saving").hidden = !here.desk.saves;
  fillMarking();
  showReader();
  drawAll();
  await fillNotes();
  at("show-federation").hidden = !here.desk.federation;
  let leave = null;
  at("show-federation").onclick = () => {
    showView("federation");
    leave ??= watch(at("federation"), tell);
  };
  at("show-reading").onclick = () => {
    showView("reading");
    leave?.();
    leave = null;
  };
  if (here.desk.federation && !readers.length) at("show-federation").click();
}

at("reader").onchange = showReader;
at("notes").onchange = () => openNote(at("notes").value);
at("question").onsubmit = (event) => {
  event.preventDefault();
  read();
};
at("undo").onclick = () => act(() => here.marks.undo());
at("save").onclick = save;
begin().catch((error) => tell(error.message));
