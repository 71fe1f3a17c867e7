// One room now: its state, the faces, the shares as bars with their intervals, and what limits their worth.

import { $, el, fill, say, show, table } from "./dom.js";
import { axis, draw as plot, plain } from "./plot.js";
import { iso, rounded } from "./save.js";
import { current, onlyCounts } from "./store.js";
import { STATES, clock, colour, colourName, decimal, duration, expression, percent, reasonOf, reasonText, turned } from "./words.js";
import { mark, t } from "../shared/texts.js";

const LEAST_COVERAGE = 0.9, CLOCK_OFF_MS = 60000;

const NONE = {
  few_people: mark("Too few people are in view. Figures return when there are more."),
  unseen: mark("The device has not seen a single frame for a while."),
  paused: mark("The camera is closed while the room is paused."),
  camera_lost: mark("The device has lost its camera, and tries to get it back."),
  offline: mark("The device is off, or cannot reach the broker. Its measurements arrive later, and appear under Lesson."),
  silent: mark("The device is there, but no measurement has come for a while."),
  gone: mark("It was paused, or had lost its camera, and has said nothing for two hours: it may be off, or cannot reach the broker."),
  unheard: mark("What the room does now is not known: this page receives nothing."),
  waiting: mark("No measurement has come yet."),
  nobody: mark("Nobody is in view."),
  untold: mark("Your token does not show what is counted in rooms."),
  unnamed: mark("No face was clear enough to name an expression."),
};

/** What is on screen: the state of one room and, where there are any, its shares. */
export function model({ store, room }) {
  const state = store.state(room), window = room.latest;
  const shown = current(state) ? window : null;
  const parts = shown ? shown.shares : [];
  const common = {
    room: room.name, state: t(STATES[state].word), reason: reasonOf(room, state),
    from: shown && iso(shown.start), to: shown && iso(shown.end),
    faces_mean: rounded(shown?.mean, 2), faces_min: shown?.min ?? null, faces_max: shown?.max ?? null, front_share: rounded(shown?.front),
    basis: shown?.basis ?? null,
  };
  const blank = { emotion: null, share: null, low: null, high: null };
  return {
    about: { view: "now" }, state, window: shown, parts,
    columns: [...Object.keys(common), ...Object.keys(blank)].map((key) => ({ key })),
    rows: (parts.length ? parts : [blank]).map(({ label, share, low, high }) => ({
      ...common, emotion: label ?? null, share: rounded(share), low: rounded(low), high: rounded(high),
    })),
  };
}

const COLUMNS = [
  { key: "emotion", title: mark("Expression") },
  { key: "share", title: mark("Share of faces"), show: percent },
  { key: "low", title: mark("at least"), show: percent },
  { key: "high", title: mark("at most"), show: percent },
];

/** Why there is nothing: a room that was paused is not missed for its windows. */
const absence = (room, state) => (state === "silent" && (room.mode === "paused" || room.mode === "camera_lost") ? "gone" : state);

export function draw({ store, room, theme }) {
  const shown = model({ store, room }), { state, window, parts } = shown;
  const now = store.now(), latest = room.latest;
  const { symbol, word } = STATES[state];
  say($("now-state"), `${symbol} ${t(word)}`);
  $("now-state").dataset.state = state;
  const since = room.since && (state === "paused" || state === "camera_lost") ? t("since {time}", { time: clock(room.since, now, false) }) : "";
  say($("now-reason"), [shown.rows[0].reason, since].filter(Boolean).join(", "));
  say($("now-faces"), decimal(window?.mean));
  say($("now-range"), window && tells(window) ? [t("between {low} and {high}", { low: window.min, high: window.max }), turned(window.front)].filter(Boolean).join(", ") : "");
  say($("now-window"), latest ? clock(latest.end, now) : "–");
  say($("now-age"), latest ? t("{length} long, ended {time} ago", { length: duration(latest.ms), time: duration(now - latest.end) }) : "");

  const counts = onlyCounts(room);
  show($("now-heading"), !counts);
  show($("now-figure"), !(counts && window && tells(window)) || parts.length > 0); // the faces above are all there is
  show($("now-none"), !parts.length);
  show($("now-chart"), parts.length > 0);
  show($("now-details"), parts.length > 0);
  say($("now-none"), parts.length ? "" : current(state) ? why(window) : t(NONE[absence(room, state)] ?? NONE.silent));
  say($("now-basis"), basis(window, parts));
  fill($("now-notes"), notes(room, window).join("\n"), () => notes(room, window).map((note) => el("li", {}, note)));
  if (!parts.length) return;
  const signature = `${room.name} ${window.key} ${theme}`;
  if ($("now-chart").dataset.drawn === signature) return;
  $("now-chart").dataset.drawn = signature;
  $("now-chart").setAttribute("aria-label", t("Shares of faces: {shares}", { shares: parts.map(sentence).join("; ") }));
  fill($("now-table"), signature, () => [table({ columns: COLUMNS, rows: shown.rows.map((row, at) => ({ ...row, emotion: expression(parts[at].word) })) }, t("Shares of faces in {room}", { room: room.name }))]);
  bars(parts, room.labels);
}

/** Whether a window says anything about people; to those who may not see it, it only says that it came. */
const tells = ({ mean }) => mean !== null;

/** Why a window has no shares. */
function why(window) {
  const { withheld, max } = window;
  if (!tells(window)) return t(NONE.untold);
  if (withheld) {
    const reason = t(withheld.reason);
    return t("The expressions are withheld: {reason}.", { reason });
  }
  return t(max ? NONE.unnamed : NONE.nobody);
}

function sentence({ word, share, low, high }) {
  const values = { expression: expression(word), share: percent(share) };
  if (low === null) return t("{expression} {share}", values);
  return t("{expression} {share}, between {low} and {high}", { ...values, low: percent(low), high: percent(high) });
}

function basis(window, parts) {
  if (!parts.length) return "";
  return window.basis === "estimate"
    ? t("Estimated shares of the faces whose expression can be told, corrected for what the model is known to confuse; the line is the 90 % interval for the faces of this one measurement.")
    : t("Counted shares of the faces with an expression, not corrected for the model's errors, and without an interval.");
}

function notes(room, window) {
  if (!window) return [];
  const found = [];
  if (window.coverage < LEAST_COVERAGE) found.push(t("Frames were analysed in only {share} % of the time.", { share: Math.floor(100 * window.coverage) }));
  if (window.unknown) found.push(t("{share} of the faces have no named expression; they are in no share.", { share: percent(window.unknown) }));
  if (window.small) found.push(t("{share} of the faces were too small to classify.", { share: percent(window.small) }));
  if (window.unsynced) found.push(t("The device's clock is not set by the network: its times may be wrong."));
  const off = window.replayed ? 0 : window.end - room.heard;
  if (Math.abs(off) > CLOCK_OFF_MS) found.push(off < 0 ? t("The device's clock is {time} behind.", { time: duration(-off) }) : t("The device's clock is {time} ahead.", { time: duration(off) }));
  if (room.mode === "throttled") found.push(reasonText(room.reason) ? t("The board is slowed down: {reason}.", { reason: reasonText(room.reason) }) : t("The board is slowed down: fewer frames are analysed."));
  return found;
}

function bars(parts, labels) {
  const names = parts.map(({ word }) => plain(expression(word))), values = parts.map(({ share }) => 100 * share);
  const places = [...names.keys()]; // plotly looks names up in an object, and would stumble over `__proto__`
  const trace = {
    type: "bar", orientation: "h", y: places, x: values, hoverinfo: "none", width: 0.62,
    marker: { color: parts.map(({ label }) => colour(colourName(label, labels))), cornerradius: 4 },
  };
  if (parts.some(({ low }) => low !== null)) {
    trace.error_x = {
      type: "data", symmetric: false, color: colour("--text"), thickness: 1.6, width: 5,
      array: parts.map(({ share, high }) => 100 * (high - share)), arrayminus: parts.map(({ share, low }) => 100 * (share - low)),
    };
  }
  const said = parts.map(({ share, low, high }, at) => ({
    xref: "paper", x: 1, xanchor: "left", xshift: 10, y: at, showarrow: false, align: "left",
    text: `<b>${percent(share)}</b>${low === null ? "" : `  <span style="font-size:12px">${Math.round(100 * low)}–${Math.round(100 * high)}</span>`}`,
  }));
  plot($("now-chart"), [trace], {
    height: 60 + 40 * parts.length, margin: { l: 10, r: 96, t: 6, b: 36 }, annotations: said,
    xaxis: axis({ range: [0, 100], ticksuffix: " %", dtick: $("now-chart").clientWidth < 500 ? 50 : 20, tickangle: 0 }),
    yaxis: axis({ tickvals: places, ticktext: names, autorange: "reversed", ticks: "", ticklabelstandoff: 6, showgrid: false }),
  });
}
