// A note's text with its marks drawn in: lines under entities, the shorter nearer to the text, and a
// label behind each; a relation is named at its tail, and drawn as a curve when one end is chosen.

import { isMain } from "./marks.js";

const LANES = 4;
const SVG = "http://www.w3.org/2000/svg";

const kind = (entity) => (isMain(entity) ? `k-${entity.type}` : "k-modifier");

export function make(name, { text, classes, ...rest } = {}, ...children) {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(rest)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export const numbered = (marks) =>
  new Map(marks.entities.filter(isMain).map((entity, index) => [entity.id, index + 1]));

function labelOf(entity, marks, numbers) {
  const heads = marks.relations.filter((one) => one.tail === entity.id);
  const said = heads.map((one) => `${one.type} → ${numbers.get(one.head) ?? "?"}`);
  if (isMain(entity)) return [`${entity.type} ${numbers.get(entity.id)}`, ...said].join(", ");
  return said.join(", ") || entity.type;
}

function lanesOf(entities) {
  const lanes = new Map();
  const size = (one) => one.end - one.start;
  for (const one of entities.toSorted((a, b) => size(a) - size(b))) {
    const over = [...lanes].filter(([other]) => one.start < other.end && other.start < one.end);
    const taken = new Set(over.map(([, lane]) => lane));
    let lane = 0;
    while (taken.has(lane)) lane += 1;
    lanes.set(one, lane);
  }
  return lanes;
}

const isLetter = (character) => /[\p{L}\p{N}]/u.test(character ?? "");

function behindWord(characters, place) {
  while (isLetter(characters[place - 1]) && isLetter(characters[place])) place += 1;
  return place;
}

// `only` holds the entities that another reader did not find, which get a sign of their own.
export function draw(container, characters, marks, { chosen = null, only = new Set(), choose } = {}) {
  const lanes = lanesOf(marks.entities);
  const numbers = numbered(marks);
  const labels = Map.groupBy(marks.entities, (one) => behindWord(characters, one.end));
  const cuts = new Set([0, characters.length, ...labels.keys()]);
  for (const one of marks.entities) cuts.add(one.start).add(one.end);
  const places = [...cuts].toSorted((a, b) => a - b);
  const parts = [];
  places.slice(0, -1).forEach((start, index) => {
    const end = places[index + 1];
    const over = marks.entities.filter((one) => one.start <= start && end <= one.end);
    let part = make("span", { text: characters.slice(start, end).join(""), "data-start": start });
    for (const one of over.toSorted((a, b) => lanes.get(a) - lanes.get(b))) {
      const state = one.id === chosen ? " chosen" : "";
      const lane = Math.min(lanes.get(one), LANES);
      part = make("span", { classes: `u lane${lane} ${kind(one)}${state}`, "data-id": one.id }, part);
    }
    parts.push(part);
    for (const one of labels.get(end) ?? []) {
      const state = `${one.id === chosen ? " chosen" : ""}${only.has(one.id) ? " extra" : ""}`;
      const sign = only.has(one.id) ? "+ " : "";
      const text = `${sign}${labelOf(one, marks, numbers)}`;
      parts.push(make("span", { classes: `label ${kind(one)}${state}`, "data-id": one.id, text }));
    }
  });
  const most = Math.min(Math.max(0, ...lanes.values()), LANES);
  container.className = `note lanes${most}`;
  container.replaceChildren(...parts);
  container.onclick = choose
    ? (event) => {
        if (document.getSelection().isCollapsed) choose(event.target.closest("[data-id]")?.dataset.id ?? null);
      }
    : null;
  if (chosen) drawTies(container, marks, chosen);
}

function drawTies(container, marks, chosen) {
  const ties = marks.relations.filter((one) => one.head === chosen || one.tail === chosen);
  if (!ties.length) return;
  const svg = document.createElementNS(SVG, "svg");
  const frame = container.getBoundingClientRect();
  const middle = (id) => {
    const box = container.querySelector(`.u[data-id="${CSS.escape(id)}"]`)?.getClientRects()[0];
    if (!box) return null;
    return [box.left - frame.left + box.width / 2 + container.scrollLeft, box.top - frame.top + container.scrollTop];
  };
  for (const { head, tail } of ties) {
    const [from, to] = [middle(head), middle(tail)];
    if (!from || !to) continue;
    const top = Math.min(from[1], to[1]) - 14;
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", `M${from} C${from[0]},${top} ${to[0]},${top} ${to}`);
    svg.append(path);
  }
  svg.setAttribute("width", 1);
  svg.setAttribute("height", 1);
  svg.setAttribute("aria-hidden", "true");
  container.append(svg);
}

const unitsOf = (text, characters) => [...text].slice(0, characters).join("").length;

function pointAt(container, place) {
  const spans = [...container.querySelectorAll("[data-start]")];
  const span = spans.findLast((one) => Number(one.dataset.start) <= place) ?? spans[0];
  const node = span.firstChild;
  return [node, unitsOf(node.data, place - Number(span.dataset.start))];
}

function placeOf(node, units) {
  const span = (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest("[data-start]");
  if (!span) return null;
  const before = node.nodeType === Node.TEXT_NODE ? node.data.slice(0, units) : "";
  return Number(span.dataset.start) + [...before].length;
}

export function select(container, start, end) {
  const range = document.createRange();
  range.setStart(...pointAt(container, start));
  range.setEnd(...pointAt(container, end));
  const selection = document.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

// Returns the characters that are selected, [start, end], without white space at the ends.
export function selected(container, characters) {
  const selection = document.getSelection();
  if (selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!container.contains(range.startContainer) || !container.contains(range.endContainer)) return null;
  const inside = [...container.querySelectorAll("[data-start]")].filter((one) => range.intersectsNode(one));
  if (!inside.length) return null;
  const [first, last] = [inside[0], inside.at(-1)];
  let start = placeOf(range.startContainer, range.startOffset) ?? Number(first.dataset.start);
  let end =
    placeOf(range.endContainer, range.endOffset) ?? Number(last.dataset.start) + [...last.textContent].length;
  while (start < end && !characters[start].trim()) start += 1;
  while (start < end && !characters[end - 1].trim()) end -= 1;
  return start < end ? [start, end] : null;
}

// Words as [start, end] in characters: what the arrow keys go through.
export function wordsOf(characters) {
  const text = characters.join("");
  const words = [];
  let place = 0;
  for (const { segment } of new Intl.Segmenter("en", { granularity: "word" }).segment(text)) {
    const length = [...segment].length;
    if (segment.trim()) words.push([place, place + length]);
    place += length;
  }
  return words;
}
