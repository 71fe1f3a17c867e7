// A room over time: shares as a stack, the faces below it, and gaps with their marks.

import { el, fill } from "./dom.js";
import { axis, local, plain } from "./plot.js";
import { STATES, clock, colour, colourName, decimal, duration, expression, percent, reasonText, turned } from "./words.js";
import { t } from "../shared/texts.js";

const PATTERNS = {
  few_people: ".", unseen: "\\", short: ".", few_near: ".", few_front: ".", paused: "-", camera_lost: "\\", offline: "x", lost: "x", off: "/",
  nothing: "/", unheard: "+", unrecorded: "", before: "", days_only: "+", deleted: "",
};
const SECONDS = [{ dtickrange: [null, 59_999], value: "%H:%M:%S" }]; // else one minute stands there three times
const APART_MS = 1500;
const WIDE_WORD = 92, WIDE_SYMBOL = 16; // pixels of a gap that has room for its mark

/** What the colours and marks mean. */
export function legend(node, { labels, gaps }, all) {
  const states = [...new Map(gaps.map(({ kind, word }) => [kind, word]))];
  fill(node, [...labels.map(({ label }) => label), "|", ...states].join(" "), () => [
    ...[...labels].reverse().map((each) => entry(each, all)),
    ...states.map(([kind, word]) => el("li", {}, el("span", { className: "mark", ariaHidden: "true" }, STATES[kind].symbol), t(word))),
  ]);
}

/** One expression of a legend, beside its colour. */
export function entry({ label, word }, all) {
  const swatch = el("span", { className: "swatch", ariaHidden: "true" });
  swatch.style.setProperty("--swatch", `var(${colourName(label, all)})`);
  return el("li", {}, swatch, el("bdi", {}, expression(word)));
}

/** Every gap with its reason, as lines of text; none goes on in a lesson that is over, or on a page that has lost the broker (`running` is false). */
export function reasons({ gaps, now, running = true }) {
  return gaps.map((gap) => {
    const { symbol } = STATES[gap.kind], { word } = gap;
    const open = running && gap.end >= now - 1000;
    const said = reasonText(gap.reason), [first = ""] = gap.reason;
    const why = (first.text ?? first).startsWith(word) ? said : [t(word), said].filter(Boolean).join(", "); // not both of: paused, paused by
    const values = { symbol, why, from: clock(gap.start, now) };
    // The length of one that goes on would be read out anew all the time.
    if (open) return t("{symbol} {from} to now: {why}", values);
    return t("{symbol} {from} to {to} ({length}): {why}", { ...values, to: clock(gap.end, now), length: duration(gap.end - gap.start) });
  });
}

/**
 * Times with the piece that each belongs to, null between those that are not neighbours: there every curve goes down to
 * the ground, for a stack knows no holes.
 */
function outline(pieces) {
  const points = [];
  pieces.forEach((piece, at) => {
    const last = pieces[at - 1], next = pieces[at + 1];
    if (!last || piece.start - last.end >= APART_MS) points.push([piece.start - 1, null]);
    points.push([piece.start, piece], [piece.end - 1, piece]);
    if (!next || next.start - piece.end >= APART_MS) points.push([piece.end, null]);
  });
  return { x: points.map(([ms]) => local(ms)), owners: points.map(([, piece]) => piece) };
}

/** What plotly draws. */
export function traces({ pieces, gaps, labels, now }, all, counting) {
  const { x, owners } = outline(pieces);
  const curve = (pick) => ({ x, y: owners.map((piece) => (piece ? pick(piece) : 0)), type: "scatter", mode: "lines" });
  const stack = labels.map(({ label }) => {
    const fillcolor = colour(colourName(label, all));
    const line = { width: 0, color: fillcolor };
    return { ...curve(({ shares }) => 100 * (shares.find((each) => each.label === label)?.share ?? 0)), stackgroup: "shares", line, fillcolor, hoverinfo: "skip" };
  });
  const faces = { ...curve(({ mean }) => mean), yaxis: "y2", fill: "tozeroy", fillcolor: colour("--faces-fill") };
  faces.line = { width: 1.5, color: colour("--faces") };
  // What is under the pointer is said once, beside the curve of the faces.
  faces.text = owners.map((piece) => (piece ? hover(piece, now) : ""));
  faces.hoverinfo = owners.map((piece) => (piece ? "text" : "skip"));
  const extremes = (counting ? [({ min }) => min, ({ max }) => max] : []).map((pick) => ({
    ...curve(pick), yaxis: "y2", hoverinfo: "skip", line: { width: 1, dash: "dot", color: colour("--faces") },
  }));
  return [...hatches(gaps), ...stack, ...extremes, faces];
}

function hover(piece, now) {
  const lines = [`<b>${clock(piece.start, now)}–${clock(piece.end, now)}</b>`, t("{n} faces ({low} to {high})", { n: decimal(piece.mean), low: piece.min, high: piece.max })];
  if (piece.front !== null) lines.push(turned(piece.front));
  for (const { word, share } of [...piece.shares].reverse()) lines.push(`${plain(expression(word))} ${percent(share)}`);
  return lines.join("<br>");
}

/** Every kind of gap has a pattern of its own, over the whole height. */
function hatches(gaps) {
  const top = (gap) => [local(gap.start), local(gap.start), local(gap.end), local(gap.end), local(gap.start), null];
  return [...new Set(gaps.map(({ kind }) => kind))].map((kind) => ({
    type: "scatter", mode: "lines", fill: "toself", hoverinfo: "skip", line: { width: 0 }, yaxis: "y3",
    x: gaps.filter((gap) => gap.kind === kind).flatMap(top),
    y: gaps.filter((gap) => gap.kind === kind).flatMap(() => [0, 1, 1, 0, 0, null]),
    fillcolor: colour("--gap"),
    fillpattern: { shape: PATTERNS[kind] ?? "", bgcolor: colour("--gap"), fgcolor: colour("--gap-line"), size: 9, solidity: 0.12 },
  }));
}

/** How plotly lays it out: `from` to `now` are the axis. */
export function layout({ gaps, from, now }, width, counting) {
  const scale = (width - 60) / (now - from);
  const marks = gaps.filter((gap) => (gap.end - gap.start) * scale > WIDE_SYMBOL).map((gap) => {
    const { symbol } = STATES[gap.kind], { word } = gap;
    const room = (gap.end - gap.start) * scale;
    return {
      x: local((gap.start + gap.end) / 2), y: 0.97, xref: "x", yref: "paper", yanchor: "top", showarrow: false,
      text: room > WIDE_WORD + 4 * word.length ? `${symbol} ${t(word)}` : symbol,
      bgcolor: colour("--card"), bordercolor: colour("--gap-line"), borderpad: 3, font: { size: 12 },
    };
  });
  return {
    height: width < 500 ? 340 : 420, hovermode: "x", hoversubplots: "axis", margin: { l: 8, r: 12, t: 8, b: 30 }, annotations: marks,
    xaxis: axis({ type: "date", range: [local(from), local(now)], tickformat: "%H:%M", tickformatstops: SECONDS, nticks: width < 500 ? 5 : 10, anchor: "y2", showgrid: false, showspikes: true, spikemode: "across", spikethickness: 1, spikecolor: colour("--text") }),
    yaxis: axis({ range: [0, 100], domain: counting ? [0.99, 1] : [0.28, 1], ticksuffix: " %", nticks: 5, visible: !counting }),
    yaxis2: axis({ domain: counting ? [0, 1] : [0, 0.2], rangemode: "tozero", nticks: counting ? 6 : 3, title: { text: t("faces"), font: { size: 12 } } }),
    yaxis3: { domain: [0, 1], range: [0, 1], visible: false, fixedrange: true },
  };
}
