// One room over time: shares as a stack, the faces below it, and every gap with its reason.

import { $, el, fill, say, show, table } from "./dom.js";
import { axis, draw as plot, local, plain } from "./plot.js";
import { iso, rounded } from "./save.js";
import { STATES, clock, colour, colourName, decimal, duration, known, percent, turned } from "./words.js";

const PATTERNS = {
  few_people: ".", short: ".", few_near: ".", few_front: ".", paused: "-", camera_lost: "\\", offline: "x", lost: "x", off: "/",
  nothing: "/", unheard: "+", before: "",
};
const APART_MS = 1500;
const WIDE_WORD = 92, WIDE_SYMBOL = 16; // pixels of a gap that has room for its mark

const BASES = { estimate: "estimated, corrected for the classifier's confusions", counts: "counted, not corrected" };

export function model(store, room, minutes) {
  const now = store.now(), { pieces, gaps, from, ...sums } = store.shown(room, minutes);
  const labels = known(pieces.flatMap(({ shares }) => shares));
  const shares = labels.map(({ label, word }) => ({ key: `share_${label}`, title: word, show: percent }));
  const time = (ms) => clock(Date.parse(ms), now);
  const columns = [
    { key: "room", title: "Room" }, { key: "from", title: "From", show: time }, { key: "to", title: "To", show: time },
    { key: "state", title: "State" }, { key: "reason", title: "Reason" }, { key: "basis", title: "Basis" },
    { key: "faces_mean", title: "Faces", show: decimal }, { key: "faces_min", title: "fewest" },
    { key: "faces_max", title: "most" }, { key: "front_share", title: "To the front", show: percent }, ...shares,
  ];
  const rows = [
    ...pieces.map((piece) => ({
      room: room.name, from: iso(piece.start), to: iso(piece.end), state: "measured", reason: "", basis: piece.basis,
      faces_mean: rounded(piece.mean, 2), faces_min: piece.min, faces_max: piece.max, front_share: rounded(piece.front),
      ...Object.fromEntries(piece.shares.map(({ label, share }) => [`share_${label}`, rounded(share)])),
    })),
    ...gaps.map((gap) => ({
      room: room.name, from: iso(gap.start), to: iso(gap.end), state: gap.word, reason: gap.reason, basis: null,
    })),
  ].sort((a, b) => (a.from < b.from ? -1 : 1));
  return { about: { view: "lesson", room: room.name, from: iso(from), to: iso(now) }, now, from, pieces, gaps, sums, labels, columns, rows };
}

let drawn = "";

export function draw(store, room, theme, minutes) {
  const lesson = store.shown(room, minutes);
  $("lesson").ariaBusy = String(!lesson);
  if (!lesson) return;
  const chart = $("lesson-chart");
  const signature = [lesson.version, theme, chart.clientWidth].join(" ");
  if (signature === drawn) return;
  drawn = signature;
  const shown = model(store, room, minutes);
  const counting = shown.pieces.length > 0 && shown.labels.length === 0;
  say($("lesson-heading"), counting ? "How many faces there were" : "What the faces looked like");
  const text = summary(shown);
  say($("lesson-summary"), text);
  chart.setAttribute("aria-label", text);
  legend(shown, room.labels);
  reasons(shown);
  if ($("lesson-details").open) {
    $("lesson-table").replaceChildren(table(shown, `${room.name}, ${minutes} minutes`));
  }
  plot(chart, traces(shown, room.labels, counting), layout(shown, chart.clientWidth, counting));
}

/** The table is made when it is looked at. */
export function redraw() {
  drawn = "";
}

function summary({ pieces, gaps, sums, from, now }) {
  if (!pieces.length) return "No figures in this time.";
  const measured = `${duration(sums.measured)} of ${duration(now - from)} measured`;
  const largest = [...sums.shares].sort((a, b) => b.share - a.share).slice(0, 3);
  const mostly = largest.map(({ word, share }) => `${word} ${percent(share)}`).join(", ");
  const others = gaps.length ? `, ${gaps.length} ${gaps.length === 1 ? "gap" : "gaps"}` : "";
  const basis = mostly ? `: ${mostly} (${BASES[sums.basis]})` : "";
  return `${measured}${others}. On average ${[`${decimal(sums.mean)} faces`, turned(sums.front)].filter(Boolean).join(", ")}${basis}.`;
}

function legend({ labels, gaps }, all) {
  const states = [...new Map(gaps.map(({ kind, word }) => [kind, word]))];
  fill($("lesson-legend"), [...labels.map(({ label }) => label), "|", ...states].join(" "), () => [
    ...labels.toReversed().map(({ label, word }) => {
      const swatch = el("span", { className: "swatch", ariaHidden: "true" });
      swatch.style.setProperty("--swatch", `var(${colourName(label, all)})`);
      return el("li", {}, swatch, el("bdi", {}, word));
    }),
    ...states.map(([kind, word]) => el("li", {}, el("span", { className: "mark", ariaHidden: "true" }, STATES[kind].symbol), word)),
  ]);
}

function reasons({ gaps, now }) {
  show($("lesson-why"), gaps.length > 0);
  const lines = gaps.map((gap) => {
    const { symbol } = STATES[gap.kind], { word } = gap;
    const open = gap.end >= now - 1000;
    const until = open ? "now" : clock(gap.end, now);
    // The length of one that goes on would be read out anew all the time.
    const why = gap.reason.startsWith(word) ? gap.reason : [word, gap.reason].filter(Boolean).join(", ");
    return `${symbol} ${clock(gap.start, now)} to ${until}${open ? "" : ` (${duration(gap.end - gap.start)})`}: ${why}`;
  });
  fill($("lesson-gaps"), lines.join("\n"), () => lines.map((line) => el("li", {}, line)));
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

function traces({ pieces, gaps, labels, now }, all, counting) {
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
  const lines = [`<b>${clock(piece.start, now)}–${clock(piece.end, now)}</b>`, `${decimal(piece.mean)} faces (${piece.min}–${piece.max})`];
  if (piece.front !== null) lines.push(turned(piece.front));
  for (const { word, share } of piece.shares.toReversed()) lines.push(`${plain(word)} ${percent(share)}`);
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

function layout({ gaps, from, now }, width, counting) {
  const scale = (width - 60) / (now - from);
  const marks = gaps.filter((gap) => (gap.end - gap.start) * scale > WIDE_SYMBOL).map((gap) => {
    const { symbol } = STATES[gap.kind], { word } = gap;
    const room = (gap.end - gap.start) * scale;
    return {
      x: local((gap.start + gap.end) / 2), y: 0.97, xref: "x", yref: "paper", yanchor: "top", showarrow: false,
      text: room > WIDE_WORD + 4 * word.length ? `${symbol} ${word}` : symbol,
      bgcolor: colour("--card"), bordercolor: colour("--gap-line"), borderpad: 3, font: { size: 12 },
    };
  });
  return {
    height: width < 500 ? 340 : 420, hovermode: "x", hoversubplots: "axis", margin: { l: 8, r: 12, t: 8, b: 30 }, annotations: marks,
    xaxis: axis({ type: "date", range: [local(from), local(now)], tickformat: "%H:%M", nticks: width < 500 ? 5 : 10, anchor: "y2", showgrid: false, showspikes: true, spikemode: "across", spikethickness: 1, spikecolor: colour("--text") }),
    yaxis: axis({ range: [0, 100], domain: counting ? [0.99, 1] : [0.28, 1], ticksuffix: " %", nticks: 5, visible: !counting }),
    yaxis2: axis({ domain: counting ? [0, 1] : [0, 0.2], rangemode: "tozero", nticks: counting ? 6 : 3, title: { text: "faces", font: { size: 12 } } }),
    yaxis3: { domain: [0, 1], range: [0, 1], visible: false, fixedrange: true },
  };
}
