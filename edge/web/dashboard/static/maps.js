// Weeks, days and terms as heat maps: tables whose every cell says its figure. What is coloured was decided on the server.

import { Question } from "./ask.js";
import { $, el, fill, say } from "./dom.js";
import { iso } from "./save.js";
import { language, mark, t } from "../shared/texts.js";

const FRESH_MS = 30000; // after which a map is asked for anew: a lesson that is under way grows
const WORDS = { above: mark("more than usual"), below: mark("less than usual"), other_conditions: mark("not compared") };
const COLUMNS = ["figure", "room", "row", "column", "start", "end", "value", "low", "high", "state", "usual"];

const address = (parts) => `#${parts.map(encodeURIComponent).join("/")}`;
const given = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value));

/** One of the three views: `parameters` makes those of api/maps/KIND from the context. */
function view(name, kind, parameters) {
  const question = new Question();
  const addressOf = (context) => `api/maps/${kind}?${given({ ...parameters(context), language: language() })}`;
  const told = (context) => question.of(addressOf(context))?.told ?? null;
  let measure = "", parts = null;

  function draw(context) {
    const address = addressOf(context);
    question.ask(address, FRESH_MS).then((changed) => changed && context.redraw());
    parts ??= make(name, context.go, (chosen) => {
      measure = chosen;
      context.redraw();
    });
    const found = question.of(address), shown = told(context);
    $(name).ariaBusy = String(!found);
    say(parts.problem, found?.problem ?? t("… reading"));
    parts.problem.hidden = found?.problem === "";
    parts.body.hidden = shown === null;
    if (shown) update(parts, { address, ...shown }, chosenOf(shown, measure));
  }

  function model(context) {
    const shown = told(context);
    const rows = shown.measures.flatMap(({ key, cells }) => cells.flatMap((row, at) => row.map((cell, column) => cell && {
      figure: key, room: shown.rows[at].room, row: shown.rows[at].name, column: shown.columns[column].key, ...cell,
      start: cell.start && iso(Date.parse(cell.start)), end: cell.end && iso(Date.parse(cell.end)),
    }).filter(Boolean)));
    const about = { view: kind, room: context.room && name === "week" ? context.room.name : undefined, first: shown.first, last: shown.last };
    const file = name === "weeks" ? `${shown.first}-${shown.last}` : shown.first;
    return { about, file, rows, columns: COLUMNS.map((each) => ({ key: each })) };
  }

  const expressions = (context) => told(context)?.measures.some(({ key }) => key !== "faces" && key !== "front");

  return { draw, model, expressions, ready: (context) => told(context) !== null };
}

const chosenOf = ({ measures }, wanted) =>
  measures.find(({ key }) => key === wanted) ?? measures.find(({ key }) => key === "faces") ?? measures[0] ?? null;

/** The parts of a section, which stay there: focus relies on it. */
function make(name, go, choose) {
  const section = $(name);
  const parts = {
    problem: el("p", { className: "card message", role: "status" }),
    body: el("div", { hidden: true }),
    previous: el("a", { className: "step" }),
    next: el("a", { className: "step" }),
    heading: el("h3", { className: "when" }),
    story: el("div", { className: "card map-story" }),
    choices: el("fieldset", { className: "choices" }),
    map: el("div", { className: "map scroll", tabIndex: 0, role: "region" }),
    legend: el("div", { className: "notes-of-map" }),
    rooms: el("details", { className: "rooms" }),
    first: el("input", { type: "date" }),
    last: el("input", { type: "date" }),
  };
  parts.choices.addEventListener("change", (event) => choose(event.target.value));
  for (const input of [parts.first, parts.last]) {
    input.addEventListener("change", () => {
      if (!parts.first.value || (name === "weeks" && parts.last.value < parts.first.value)) return;
      go(...(name === "week" ? ["week", parts.room, parts.first.value] : name === "day" ? ["day", parts.first.value] : ["weeks", parts.first.value, parts.last.value]));
    });
  }
  const dates = name === "weeks"
    ? [el("label", {}, t("from"), " ", parts.first), el("label", {}, t("to"), " ", parts.last)]
    : [el("label", {}, t("Day"), " ", parts.first)];
  const card = el("div", { className: "card map-card" }, parts.choices, parts.map, parts.legend);
  parts.body.append(el("div", { className: "steps" }, parts.previous, parts.heading, parts.next, ...dates), parts.story, card, parts.rooms);
  section.append(parts.problem, parts.body);
  return parts;
}

function update(parts, shown, measure) {
  parts.room = shown.rows[0]?.room ?? shown.previous[1];
  say(parts.heading, shown.kind === "week" ? `${parts.room}: ${shown.title}` : t("All rooms: {time}", { time: shown.title }));
  for (const [key, node] of [["previous", parts.previous], ["next", parts.next]]) {
    node.href = address(shown[key]);
    say(node, key === "next" ? t("later →") : t("← earlier"));
  }
  if (document.activeElement !== parts.first) parts.first.value = shown.first;
  if (document.activeElement !== parts.last) parts.last.value = shown.last;
  parts.story.hidden = shown.sentences.length === 0;
  fill(parts.story, shown.sentences.join("\n"), () => shown.sentences.map((each) => el("p", {}, each)));
  choices(parts, shown, measure);
  const signature = JSON.stringify([shown.address, measure?.key, measure?.cells]);
  parts.map.setAttribute("aria-label", measure?.title ?? "");
  fill(parts.map, signature, () => (measure ? [table(shown, measure)] : [el("p", { className: "message" }, nothing(shown))]));
  fill(parts.legend, shown.legend.join("\n"), () => shown.legend.map((each) => el("p", { className: "hint" }, each)));
  parts.rooms.hidden = !shown.rooms?.rows.length;
  if (shown.rooms) fill(parts.rooms, JSON.stringify(shown.rooms), () => rooms(shown.rooms));
}

/** Why there is no map at all. */
const nothing = (shown) => (shown.rows.every(({ empty }) => empty) ? shown.nothing : t("Nothing here was measured for long enough to be shown."));

function choices({ choices: node }, { measures, kind }, measure) {
  node.hidden = measures.length === 0;
  fill(node, measures.map(({ title, marks }) => `${title} ${marks}`).join("\n"), () => [
    el("legend", {}, t("What is shown")),
    ...measures.map(({ key, title, marks }) => el("label", {}, el("input", { type: "radio", name: `measure-${kind}`, value: key }), el("span", {}, [title, marks].filter(Boolean).join(" ")))),
  ]);
  for (const input of node.querySelectorAll("input")) input.checked = input.value === measure?.key;
}

function table(shown, measure) {
  const name = (each, node) => node.append(each.link ? el("a", { href: address(each.link) }, el("bdi", {}, each.name)) : el("bdi", {}, each.name));
  const head = el("tr", {}, el("th", { scope: "col" }, shown.kind === "week" ? t("lesson") : t("room")));
  for (const column of shown.columns) {
    const node = el("th", { scope: "col" });
    name(column, node);
    head.append(node);
  }
  const body = shown.rows.map((row, at) => {
    const first = el("th", { scope: "row" });
    name(row, first);
    // Where nothing was recorded at all it is said once, not in every cell.
    if (row.empty) return el("tr", {}, first, el("td", { className: "nothing", colSpan: shown.columns.length }, row.empty));
    return el("tr", {}, first, ...measure.cells[at].map(field));
  });
  return el("table", {}, el("caption", {}, `${measure.title}. ${shown.caption}`), el("thead", {}, head), el("tbody", {}, ...body));
}

function field(cell) {
  if (!cell) return el("td", {});
  const node = el("td", { className: cell.state });
  const inside = cell.link && cell.value !== null ? el("a", { href: address(cell.link) }) : el("span", {});
  inside.append(cell.text);
  if (WORDS[cell.state]) inside.append(el("span", { className: "unseen" }, ` ${t(WORDS[cell.state])}`));
  node.append(inside);
  if (cell.range) node.append(el("small", {}, cell.range));
  return node;
}

function rooms({ head, rows }) {
  const line = ([first, ...cells]) => [el("th", { scope: "row" }, first), ...cells.map((each) => el("td", {}, each))];
  const list = el("table", {}, el("caption", {}, t("Room by room")),
    el("thead", {}, el("tr", {}, ...head.map((each) => el("th", { scope: "col" }, each)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...line(cells)))));
  return [el("summary", {}, t("Room by room")), el("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: t("Room by room") }, list)];
}

export const week = view("week", "week", ({ room, place }) => ({ room: room.name, at: place[0] }));
export const day = view("day", "day", ({ place }) => ({ at: place[0] }));
export const weeks = view("weeks", "term", ({ place }) => ({ first: place[0], last: place[1] }));
