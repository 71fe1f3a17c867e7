// A window as the server sends it (history.py says in what order), and what may be said of it.

import { UNKNOWN, ordered } from "./words.js";

const SUPPRESSED = 1, HEADCOUNT = 2, REPLAYED = 4, UNSYNCED = 8;

export function decode(row) {
  const [epoch, seq, end, ms, flags, frames, total, mean, min, max, coverage, small, counts, shares] = row;
  return {
    key: `${epoch}/${seq}`, start: end - ms, end, ms, frames, total, mean, min, max, coverage, small, counts, shares,
    suppressed: Boolean(flags & SUPPRESSED), headcount: Boolean(flags & HEADCOUNT),
    replayed: Boolean(flags & REPLAYED), unsynced: Boolean(flags & UNSYNCED),
  };
}

/** What kind of figures a window has: suppressed, headcount, nobody, estimate or count. */
export function kind(window) {
  if (window.suppressed) return "suppressed";
  if (window.headcount) return "headcount";
  if (!window.total) return "nobody";
  return window.shares.length ? "estimate" : "count";
}

/** The shares of one window, in the order of the stack: label, share, low and high (null where only counted). */
export function shares(window, labels) {
  const what = kind(window);
  if (what !== "estimate" && what !== "count") return [];
  const found = [];
  for (const label of ordered(labels)) {
    const at = labels.indexOf(label);
    const count = window.counts[at] ?? null;
    const people = count === null || !window.frames ? null : count / window.frames;
    if (what === "estimate") {
      const [share, low, high] = window.shares.slice(3 * at, 3 * at + 3);
      if (share !== null && share !== undefined) found.push({ label, share, low, high, people });
    } else if (count !== null) {
      found.push({ label, share: count / window.total, low: null, high: null, people });
    }
  }
  return found;
}

/** Face observations whose emotion was named. */
export function named(window, labels) {
  const at = labels.indexOf(UNKNOWN);
  return window.total - ((at >= 0 && window.counts[at]) || 0);
}
