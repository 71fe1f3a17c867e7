// A recorded lesson: sentences first, then the comparison, lines with their bands, the stack, gaps, and all as a table.

import { absence } from "./absence.js";
import { $, el, fill, say, show, table } from "./dom.js";
import { band } from "./band.js";
import { longDay } from "./picker.js";
import { draw as plot } from "./plot.js";
import { iso } from "./save.js";
import { layout, legend, reasons, traces } from "./stack.js";
import { atLeast, atMost, clock, colourName, decimal, expression, known, percent, reasonText } from "./words.js";
import { language, mark, sentence, t } from "../shared/texts.js";

const FACES = "faces", FRONT = "front";
const NAMES = { [FACES]: mark("faces"), [FRONT]: mark("turned to the front") };
const MOST_LINES = 6, WORTH = 0.05, MINUTE = 60000;

let drawn = "", drawnLesson = null;

export function start(context) {
  $("past-details").addEventListener("toggle", () => {
    drawn = ""; // the table is made when it is looked at
    context().redraw();
  });
}

const name = (what, word) => (Object.hasOwn(NAMES, what) ? t(NAMES[what]) : expression(word));
const value = (what, number) => (number === null || number === undefined ? null : what === FACES ? decimal(number) : percent(number));

// Rounded outward, as everywhere.
const downward = (number) => Math.floor(10 * number + 1e-9) / 10;
const upward = (number) => Math.ceil(10 * number - 1e-9) / 10;

const range = (what, low, high) => {
  if (low === null || low === undefined) return null;
  const [from, to] = what === FACES ? [decimal(downward(low)), decimal(upward(high))] : [atLeast(low), atMost(high)];
  return t("{low} to {high}", { low: from, high: to });
};

/** The rows of the table and of the files: the whole lesson, then minute by minute with intervals, and the gaps. */
export function model({ room }, lesson) {
  const now = lesson.to, words = new Map(lesson.lines.map(({ what, word }) => [what, word]));
  const time = (ms) => clock(Date.parse(ms), now);
  const parts = [...words].flatMap(([what, word]) => [
    { key: `share_${what}`, name: name(what, word), show: percent, digits: 3 },
    { key: `low_${what}`, title: mark("at least"), show: atLeast, digits: 3 },
    { key: `high_${what}`, title: mark("at most"), show: atMost, digits: 3 },
  ]);
  const columns = [
    { key: "room", title: mark("Room") }, { key: "lesson", title: mark("Lesson") }, { key: "from", title: mark("From"), show: time },
    { key: "to", title: mark("To"), show: time }, { key: "state", title: mark("State") }, { key: "reason", title: mark("Reason") },
    { key: "basis", title: mark("Basis") }, { key: "faces_mean", title: mark("Faces"), show: decimal, digits: 2 },
    { key: "faces_min", title: mark("fewest") }, { key: "faces_max", title: mark("most") }, ...parts,
  ];
  const common = { room: room.name, lesson: lesson.name || null };
  const spread = (what, [share, low, high]) => [[`share_${what}`, share], [`low_${what}`, low], [`high_${what}`, high]];
  const whole = {
    ...common, from: iso(lesson.from), to: iso(lesson.to), state: t("whole lesson"), reason: "", basis: lesson.basis, faces_mean: lesson.mean,
    ...Object.fromEntries(lesson.figures.filter(({ what }) => words.has(what)).flatMap((each) => spread(each.what, [each.value, each.low, each.high]))),
  };
  const rows = [
    ...lesson.minutes.map((minute) => ({
      ...common, from: iso(minute.start), to: iso(minute.end), state: t("measured"), reason: "", basis: lesson.basis,
      faces_mean: minute.mean, faces_min: minute.min, faces_max: minute.max,
      ...Object.fromEntries(Object.entries(minute.shares).flatMap(([what, each]) => spread(what, each))),
    })),
    ...lesson.gaps.map((gap) => ({ ...common, from: iso(gap.start), to: iso(gap.end), state: t(gap.word), reason: reasonText(gap.reason), basis: null })),
  ].sort((a, b) => (a.from < b.from ? -1 : 1));
  const figures = lesson.figures.map(({ what, overlaps, ...each }) => ({ what, ...Object.fromEntries(Object.entries(each).filter(([key]) => key !== "word")), overlaps }));
  const about = {
    view: "lesson", ...common, from: iso(lesson.from), to: iso(lesson.to), sentences: lesson.sentences.map(sentence), verdict: lesson.verdict,
    earlier_lessons: lesson.earlier, figures,
  };
  const file = `${lesson.day}-${lesson.name || lesson.clock.join("-")}`;
  return { about, file, columns, rows: [whole, ...rows] };
}

/** `current`: whether what is told of a lesson that goes on is of now. */
export function draw(context, lesson, current) {
  const chart = $("past-chart");
  const signature = [context.theme, chart.clientWidth, language(), context.room.name, current].join(" ");
  if (drawnLesson === lesson && signature === drawn) return;
  drawn = signature;
  drawnLesson = lesson;
  heading(lesson, context, current);
  story(lesson);
  comparison(lesson);
  lines(lesson);
  stack(lesson, chart, current);
  if ($("past-details").open) $("past-table").replaceChildren(table(model(context, lesson), $("past-heading").textContent));
}

function heading({ name: lesson, clock: [from, to], from: start, running }, { room }, current) {
  const words = { room: room.name, lesson, day: longDay(start), from, to };
  say($("past-heading"), lesson ? t("{room}, {lesson}: {day}, {from} to {to}", words) : t("{room}: {day}, {from} to {to}", words));
  show($("past-running"), running && current);
}

function story(lesson) {
  const { sentences, notes, pieces, gaps, running, width } = lesson, banded = lesson.lines.length > 0;
  const told = sentences.map(expressed);
  if (!pieces.length) told.push(absence(gaps, { recorded: true, goesOn: running }));
  if (!told.length) told.push(t("This is longer than a lesson: only its figures are shown."));
  if (lesson.rolled_up) told.push(t("Single measurements of this time are not kept any more: what is shown comes from sums of five minutes."));
  fill($("past-story"), JSON.stringify([language(), told]), () => told.map((each) => el("p", {}, each)));
  const small = notes.map(sentence);
  if (banded && width > MINUTE) small.push(t("A row of the table, and a point of a line, stand for {n} min.", { n: decimal(width / MINUTE) }));
  if (banded) small.push(t("The band around a line is where the true share lies in nine of ten cases. Lines are smoothed: a short change looks smaller in them, and in the table, than in its sentence."));
  fill($("past-notes"), JSON.stringify([language(), small]), () => small.map((each) => el("p", {}, each)));
  show($("past-notes"), small.length > 0);
}

/** A sentence of the server, with its expressions in the page's language. */
function expressed({ text, values }) {
  const said = Object.entries(values ?? {}).map(([key, each]) => [key, key.startsWith("expression") ? expression(each) : each]);
  return t(text, Object.fromEntries(said));
}

function comparison({ figures, verdict, name: lesson }) {
  show($("past-compared"), figures.length > 0);
  const compared = figures.some(({ usual }) => usual !== null);
  const uneven = new Set(figures.map(({ lessons }) => lessons)).size > 1;  // not every lesson has every figure
  const titles = [lesson ? mark("This lesson") : mark("This time"), mark("90 % interval"), ...compared ? [mark("Usual"), mark("Usual range"), ...uneven ? [mark("Earlier lessons")] : [], mark("Different?")] : []];
  say($("past-compared-hint"), compared ? t("Usual: the mean of the earlier lessons that have the figure; the range is where nine of ten further ones like them would lie. Of many figures one may lie outside by chance.") : "");
  const rows = figures.map((each) => [
    name(each.what, each.word), value(each.what, each.value), range(each.what, each.low, each.high),
    ...compared ? [value(each.what, each.usual), range(each.what, each.usual_low, each.usual_high), ...uneven ? [`${each.lessons}`] : [], different(each)] : [],
  ]);
  fill($("past-figures"), JSON.stringify([language(), verdict, titles, rows]), () => [el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("Figure")), ...titles.map((title) => el("th", { scope: "col" }, t(title))))),
    el("tbody", {}, ...rows.map(([first, ...cells]) => el("tr", {}, el("th", { scope: "row" }, first), ...cells.map((cell) => el("td", {}, cell ?? "–"))))))]);
}

function different({ differs, value: mine, usual }) {
  if (differs === null) return t("cannot be told");
  if (!differs) return t("no");
  return mine > usual ? t("▲ yes, more") : t("▼ yes, less");
}

/** Small pictures: heads turned to the front, and the expressions that more than a few faces showed. */
function lines(lesson) {
  const worth = (line) => line.what === FRONT || line.pieces.some((piece) => piece.some(([, share]) => share >= WORTH));
  const mean = new Map(lesson.figures.map(({ what, value: share }) => [what, share]));
  const [front, rest] = [lesson.lines.filter(({ what }) => what === FRONT), lesson.lines.filter(({ what }) => what !== FRONT).filter(worth)];
  const chosen = new Set([...rest].sort((a, b) => (mean.get(b.what) ?? 0) - (mean.get(a.what) ?? 0)).slice(0, MOST_LINES - front.length));
  const picked = [...front, ...rest.filter((line) => chosen.has(line))];
  const all = lesson.lines.map(({ what }) => what);
  const figure = new Map(lesson.figures.map((each) => [each.what, each]));
  show($("past-bands-card"), picked.length > 0);
  fill($("past-bands"), JSON.stringify([language(), lesson.from, lesson.to, lesson.gaps, picked]), () => picked.map((line) => {
    const whole = figure.get(line.what), title = name(line.what, line.word);
    const said = whole ? t("{share} ({low} to {high})", { share: percent(whole.value), low: atLeast(whole.low), high: atMost(whole.high) }) : "";
    return band(line, lesson, title, said, line.what === FRONT ? "--faces" : colourName(line.what, all));
  }));
}

function stack(lesson, chart, current) {
  const shown = { ...lesson, now: lesson.to, labels: known(lesson.pieces.flatMap(({ shares }) => shares)) };
  const counting = shown.pieces.length > 0 && shown.labels.length === 0;
  const all = shown.labels.map(({ label }) => label);
  say($("past-stack-heading"), counting ? t("How many faces there were") : t("What the faces looked like"));
  const text = [t("{n} min with figures", { n: Math.floor(lesson.measured / 60000) }), ...lesson.sentences.slice(0, 1).map(expressed)].join(". ");
  chart.setAttribute("aria-label", text);
  legend($("past-legend"), shown, all);
  const why = reasons({ ...shown, running: shown.running && current });
  show($("past-why"), why.length > 0);
  fill($("past-gaps"), why.join("\n"), () => why.map((line) => el("li", {}, line)));
  const empty = !shown.pieces.length;
  show($("past-stack"), !empty || why.length > 0);
  for (const node of [chart, $("past-stack").querySelector("figcaption"), $("past-legend"), $("past-details")]) show(node, !empty);
  if (empty) return; // the story says why
  plot(chart, traces(shown, all, counting), layout(shown, chart.clientWidth, counting));
}
