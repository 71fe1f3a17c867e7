// A lesson as pieces and gaps. Neighbouring windows of one kind are added up so that no more are drawn than can be seen;
// nothing is ever added across a gap, and a suppressed window is a gap.

import { explain } from "./reasons.js";
import { kind, named, shares } from "./rows.js";
import { ordered } from "./words.js";

const PIECES = 240; // about as many as a chart can show
const TRAILING = 2.5; // windows that may be on their way
const TRAILING_MS = 2000;

/**
 * @returns {{pieces: object[], gaps: object[]}} pieces have start, end, kind, mean, min, max, windows and parts (shares
 *   by label); gaps have start, end, state and reason; both in order of time.
 */
export function lesson(room, from, now, links, started) {
  const step = (now - from) / PIECES;
  const pieces = [], gaps = [];
  let at = from, open = null, last = null;
  const close = () => {
    if (open) pieces.push(finish(open, room.labels));
    open = null;
  };
  const gap = (start, end) => {
    if (end > start) gaps.push(...explain(start, end, room, links, started));
  };
  for (const window of room.rows) {
    if (window.end <= from || window.end > now + TRAILING_MS) continue;
    const start = Math.max(window.start, at);
    if (start >= window.end) continue;
    if (start - at > (last === null ? 1 : Math.max(1500, window.ms / 2))) {
      close();
      gap(at, start);
    }
    const what = kind(window);
    const bucket = Math.floor(window.end / step);
    if (what === "suppressed" || what === "nobody") {
      close();
      const state = "suppressed", reason = what === "nobody" ? "nobody in view" : "";
      const before = gaps.at(-1);
      if (before?.state === state && before.reason === reason && start - before.end < 1500) before.end = window.end;
      else gaps.push({ start, end: window.end, state, reason });
    } else {
      if (open && (open.kind !== what || open.bucket !== bucket)) close();
      open ??= { kind: what, bucket, start, windows: [] };
      open.windows.push(window);
      open.end = window.end;
    }
    at = window.end;
    last = window;
  }
  close();
  const patience = last === null ? 0 : TRAILING * last.ms + TRAILING_MS;
  if (now - at > patience) gap(at, now);
  return { pieces, gaps };
}

function finish({ kind: what, start, end, windows }, labels) {
  const sum = (pick) => windows.reduce((total, window) => total + pick(window), 0);
  const total = sum((window) => window.total), frames = sum((window) => window.frames);
  const piece = {
    kind: what, start, end, windows: windows.length, mean: frames ? total / frames : 0,
    min: Math.min(...windows.map((window) => window.min)), max: Math.max(...windows.map((window) => window.max)),
    parts: new Map(),
  };
  if (what === "headcount") return piece;
  // Counts add. Estimated shares are averaged, each window by the faces that it could name.
  const weigh = (window) => (what === "count" ? window.total : named(window, labels));
  const weight = sum(weigh);
  for (const window of windows) {
    for (const { label, share } of shares(window, labels)) {
      piece.parts.set(label, (piece.parts.get(label) ?? 0) + (weight ? (share * weigh(window)) / weight : 0));
    }
  }
  return piece;
}

/** The mean shares over all pieces, by their time; the largest first. */
export function averages(pieces) {
  const sums = new Map();
  let time = 0;
  for (const piece of pieces.filter(({ parts }) => parts.size)) {
    time += piece.end - piece.start;
    for (const [label, share] of piece.parts) sums.set(label, (sums.get(label) ?? 0) + share * (piece.end - piece.start));
  }
  return [...sums].map(([label, sum]) => [label, sum / time]).sort((a, b) => b[1] - a[1]);
}

/** Labels that occur, in the order of the stack. */
export function present(pieces) {
  return ordered(new Set(pieces.flatMap(({ parts }) => [...parts.keys()])));
}
