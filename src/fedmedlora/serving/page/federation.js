// A federation while it runs and after: what every site may see. Numbers alone come here.

import { ask } from "./asking.js";
import { make } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["fed1", "fed2", "fed3", "fed4", "central", "single", "zero", "local", "adapted", "joined"];
const AGAIN_MS = 3000;

const figure = (value, digits = 3) => (value == null ? "–" : value.toFixed(digits));

function bytes(value) {
  if (value < 1e3) return `${value} B`;
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

function table(caption, heads, rows) {
  const headRow = make("tr", {}, ...heads.map((text) => make("th", { scope: "col", text })));
  const body = rows.map(([first, ...rest]) =>
    make("tr", {}, make("th", { scope: "row", text: first }), ...rest.map((one) => {
      const cell = make("td", { classes: "figures" });
      cell.append(one);
      return cell;
    })),
  );
  const inner = make("table", {}, make("caption", { text: caption }), make("thead", {}, headRow), make("tbody", {}, ...body));
  return make("div", { classes: "scroll", tabindex: 0, role: "region", "aria-label": caption }, inner);
}

function drawn(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function curves(arms, rounds) {
  const [width, height, left, bottom] = [640, 240, 40, 30];
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Dev score after each round; the table below has the numbers" });
  const x = (round) => left + ((width - left - 130) * (round - 1)) / Math.max(rounds - 1, 1);
  const y = (score) => (height - bottom) * (1 - score) + 8;
  for (const score of [0, 0.5, 1]) {
    svg.append(drawn("line", { class: "axis", x1: left, x2: width - 130, y1: y(score), y2: y(score) }));
    svg.append(drawn("text", { x: 8, y: y(score) + 4 }, score.toFixed(1)));
  }
  for (let round = 1; round <= rounds; round += 1) svg.append(drawn("text", { x: x(round) - 4, y: height - 6 }, round));
  arms.forEach((arm, index) => {
    const points = arm.rounds.filter((one) => one.score != null).map((one) => [x(one.round), y(one.score)]);
    if (!points.length) return;
    const group = drawn("g", { class: `arm-${COLOURS[index % COLOURS.length]}` });
    group.append(drawn("polyline", { points: points.map((point) => point.join()).join(" ") }));
    for (const [cx, cy] of points) group.append(drawn("circle", { cx, cy, r: 3 }));
    const [lastX, lastY] = points.at(-1);
    group.append(drawn("text", { x: lastX + 8, y: lastY + 4 }, arm.name));
    svg.append(group);
  });
  return svg;
}

function share(value) {
  const meter = make("meter", { min: 0, max: 1, value, "aria-label": `share ${figure(value, 2)}` });
  return make("span", {}, meter, ` ${figure(value, 2)}`);
}

function armPart(arm, sites) {
  const trained = sites.filter((site) => arm.rounds.some((one) => site.name in (one.shares ?? {})));
  const rows = arm.rounds.map((one) => [
    `round ${one.round}${one.round === arm.best_round ? " (kept)" : ""}`,
    figure(one.score),
    figure(one.seconds, 0),
    bytes(one.bytes_up),
    bytes(one.bytes_down),
    ...trained.map((site) => (one.shares?.[site.name] == null ? "–" : share(one.shares[site.name]))),
  ]);
  const heads = ["Round", "Dev score", "Seconds", "Sent by sites", "Sent to sites", ...trained.map((site) => `Share of ${site.name}`)];
  return table(`${arm.name}${arm.finished ? "" : ", under way"}`, heads, rows);
}

function show(section, standing) {
  const { arms, sites } = standing;
  const federated = arms.filter((arm) => arm.rounds.some((one) => Object.keys(one.shares ?? {}).length > 1));
  const done = arms.filter((arm) => arm.finished).length;
  const parts = [
    make("h2", { text: standing.experiment }),
    make("p", { text: `${done} of ${arms.length} arms that began are finished; ${standing.rounds} rounds each at most.` }),
    curves(arms, Math.max(1, ...arms.flatMap((arm) => arm.rounds.map((one) => one.round)))),
    table("Sites", ["Site", "Part", "Training notes"], sites.map((site) => [site.name, site.role, String(site.notes ?? "–")])),
    make("h2", { text: "Rounds" }),
    ...federated.map((arm) => armPart(arm, sites)),
    make("h2", { text: "Protections" }),
    table("Protections of this run", ["Protection", "In this run"], standing.protections),
  ];
  if (standing.privacy.length) {
    const rows = standing.privacy.map((one) => [one.place, figure(one.epsilon, 2), String(one.delta), one.unit]);
    parts.push(table("Privacy spent", ["Place", "Epsilon", "Delta", "One is hidden"], rows));
  }
  const { sealed, head } = standing.ledger;
  parts.push(make("h2", { text: "Ledger" }));
  parts.push(make("p", { text: sealed ? `${sealed} records are sealed. The head of the ledger:` : "Nothing of this run is sealed." }));
  if (head) parts.push(make("p", { classes: "digest", text: head }));
  section.replaceChildren(...parts);
  return done < arms.length || arms.length === 0;
}

// Draws the federation until the returned function is called; asks again while it runs.
export function watch(section, tell) {
  let stopped = false;
  async function look() {
    try {
      const goesOn = show(section, await ask("api/federation"));
      if (!stopped && goesOn) setTimeout(look, AGAIN_MS);
    } catch (error) {
      tell(error.message);
      if (!stopped) setTimeout(look, AGAIN_MS);
    }
  }
  look();
  return () => {
    stopped = true;
  };
}
