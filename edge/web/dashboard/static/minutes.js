// One room over the last minutes: shares as a stack, the faces below it, and every gap with its reason.

import { absence } from "./absence.js";
import { $, el, fill, say, show, table } from "./dom.js";
import { draw as plot } from "./plot.js";
import { iso, rounded } from "./save.js";
import { onlyCounts } from "./store.js";
import { layout, legend, reasons, traces } from "./stack.js";
import { clock, decimal, duration, expression, known, percent, reasonText, turned } from "./words.js";
import { mark, t, tn } from "../shared/texts.js";

const BASES = { estimate: mark("estimated, corrected for the classifier's confusions"), counts: mark("counted, not corrected") };
export const SPANS = [15, 45, 90, 240];

const minutesOf = (place) => (SPANS.includes(Number(place[0])) ? Number(place[0]) : 45);

/** Once, when the page opens. */
export function start(context) {
  $("spans").addEventListener("change", (event) => {
    const { room, go } = context();
    if (room) go("lesson", room.name, event.target.value);
  });
  $("lesson-details").addEventListener("toggle", () => {
    drawn = ""; // the table is made when it is looked at
    context().redraw();
  });
}

export const ready = ({ store, room, place }) => store.shown(room, minutesOf(place)) !== null;

export function model({ store, room, place }) {
  const minutes = minutesOf(place), now = store.now(), { pieces, gaps, from, ...sums } = store.shown(room, minutes);
  const labels = known(pieces.flatMap(({ shares }) => shares));
  const shares = labels.map(({ label, word }) => ({ key: `share_${label}`, name: expression(word), show: percent }));
  const time = (ms) => clock(Date.parse(ms), now);
  const columns = [
    { key: "room", title: mark("Room") }, { key: "from", title: mark("From"), show: time }, { key: "to", title: mark("To"), show: time },
    { key: "state", title: mark("State") }, { key: "reason", title: mark("Reason") }, { key: "basis", title: mark("Basis") },
    { key: "faces_mean", title: mark("Faces"), show: decimal }, { key: "faces_min", title: mark("fewest") },
    { key: "faces_max", title: mark("most") }, { key: "front_share", title: mark("To the front"), show: percent }, ...shares,
  ];
  const rows = [
    ...pieces.map((piece) => ({
      room: room.name, from: iso(piece.start), to: iso(piece.end), state: t("measured"), reason: "", basis: piece.basis,
      faces_mean: rounded(piece.mean, 2), faces_min: piece.min, faces_max: piece.max, front_share: rounded(piece.front),
      ...Object.fromEntries(piece.shares.map(({ label, share }) => [`share_${label}`, rounded(share)])),
    })),
    ...gaps.map((gap) => ({
      room: room.name, from: iso(gap.start), to: iso(gap.end), state: t(gap.word), reason: reasonText(gap.reason), basis: null,
    })),
  ].sort((a, b) => (a.from < b.from ? -1 : 1));
  return { about: { view: "lesson", room: room.name, from: iso(from), to: iso(now) }, now, from, pieces, gaps, sums, labels, columns, rows };
}

let drawn = "";

export function draw({ store, room, place, theme, redraw }) {
  const minutes = minutesOf(place);
  store.load(room, minutes).then((read) => read && redraw());
  for (const radio of document.querySelectorAll("#spans input")) {
    radio.checked = Number(radio.value) === minutes;
    show(radio.parentElement, radio.value / 60 <= Math.max(0.25, store.about.hours));
  }
  const lesson = store.shown(room, minutes);
  $("lesson").ariaBusy = String(!lesson);
  if (!lesson) return;
  const chart = $("lesson-chart"), empty = !lesson.pieces.length;
  show($("lesson-none"), empty);
  for (const id of ["lesson-chart", "lesson-legend", "lesson-details"]) show($(id), !empty);
  const signature = [lesson.version, theme, chart.clientWidth, store.hears].join(" ");
  if (signature === drawn) return;
  drawn = signature;
  const shown = model({ store, room, place });
  const counting = shown.labels.length === 0 && (shown.pieces.length > 0 || onlyCounts(room));
  say($("lesson-heading"), counting ? t("How many faces there were") : t("What the faces looked like"));
  const text = summary(shown);
  say($("lesson-summary"), empty ? "" : text);
  say($("lesson-none"), empty ? text : "");
  chart.setAttribute("aria-label", text);
  legend($("lesson-legend"), shown, room.labels);
  const lines = reasons({ ...shown, running: store.hears });
  show($("lesson-why"), lines.length > 0);
  fill($("lesson-gaps"), lines.join("\n"), () => lines.map((line) => el("li", {}, line)));
  if ($("lesson-details").open) {
    $("lesson-table").replaceChildren(table(shown, t("{room}, {n} minutes", { room: room.name, n: minutes })));
  }
  if (empty) return;
  const { axis } = lesson, gaps = shown.gaps.filter(({ end }) => end > axis).map((gap) => ({ ...gap, start: Math.max(gap.start, axis) }));
  const seen = { ...shown, from: axis, gaps };
  plot(chart, traces(seen, room.labels, counting), layout(seen, chart.clientWidth, counting));
}

function summary({ pieces, gaps, sums, from, now }) {
  if (!pieces.length) return absence(gaps, { recorded: false, goesOn: true });
  const parts = [t("{time} of {whole} measured", { time: duration(sums.measured), whole: duration(now - from) })];
  if (gaps.length) parts.push(tn("{n} gap", "{n} gaps", gaps.length));
  const largest = [...sums.shares].sort((a, b) => b.share - a.share).slice(0, 3);
  const mostly = largest.map(({ word, share }) => `${expression(word)} ${percent(share)}`).join(", ");
  const figures = [t("{n} faces", { n: decimal(sums.mean) }), turned(sums.front)].filter(Boolean).join(", ");
  const basis = mostly ? t(BASES[sums.basis]) : "";
  return [
    `${parts.join(", ")}.`,
    mostly ? t("On average {figures}: {shares} ({basis}).", { figures, shares: mostly, basis }) : t("On average {figures}.", { figures }),
    sums.models > 1 ? t("More than one model named the expressions in this time. The share of each expression is of the time of those models that can name it, so all shares together may be more than 100 %.") : "",
  ].filter(Boolean).join(" ");
}

