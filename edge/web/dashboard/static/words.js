// Names, symbols, colours and formats. A state is told by its symbol and word; colour only helps.

import { decimal as withDigits, language, mark, sentence, t, tn } from "../shared/texts.js";

export const STATES = {
  live: { symbol: "●", word: mark("live") },
  throttled: { symbol: "◓", word: mark("slowed down") },
  few_people: { symbol: "◌", word: mark("too few people") },
  unseen: { symbol: "▲", word: mark("nothing was seen") },
  short: { symbol: "◌", word: mark("measurement too short") },
  few_near: { symbol: "◌", word: mark("too few people near enough") },
  few_front: { symbol: "◌", word: mark("too few people turned to the front") },
  paused: { symbol: "■", word: mark("paused") },
  camera_lost: { symbol: "▲", word: mark("camera lost") },
  offline: { symbol: "✕", word: mark("offline") },
  silent: { symbol: "◇", word: mark("no measurements") },
  unheard: { symbol: "?", word: mark("not known") },
  unrecorded: { symbol: "←", word: mark("not recorded") },
  waiting: { symbol: "…", word: mark("waiting") },
  nothing: { symbol: "◇", word: mark("no measurements") },
  off: { symbol: "◇", word: mark("device off or restarting") },
  lost: { symbol: "◇", word: mark("measurements missing") },
  before: { symbol: "←", word: mark("before this dashboard started") },
  days_only: { symbol: "Σ", word: mark("only the sums of the day are kept") },
  deleted: { symbol: "⌫", word: mark("deleted on request") },
};

const UNKNOWN = "unknown";

// From the bottom of the stack to its top: lively below, neutral between, the others hanging from the top.
const ORDER = ["happy", "surprise", "neutral", "sad", "fear", "disgust", "angry"];
const OTHERS = 5; // colours for labels of other models

function ordered(labels) {
  const place = (label) => {
    if (label === UNKNOWN) return 1000;
    const known = ORDER.indexOf(label);
    return known < 0 ? 100 : known;
  };
  return [...labels].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

/** The name of the CSS variable with the colour of a label; `labels` are all of the room. */
export function colourName(label, labels) {
  if (label === UNKNOWN || ORDER.includes(label)) return `--${label}`;
  const others = ordered(labels).filter((name) => name !== UNKNOWN && !ORDER.includes(name));
  return `--other-${others.indexOf(label) % OTHERS}`;
}

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The labels of shares, each once, in the order of the stack: label and word. */
export function known(shares) {
  const words = new Map(shares.map(({ label, word }) => [label, word]));
  return ordered(words.keys()).map((label) => ({ label, word: words.get(label) }));
}

const EXPRESSIONS = [mark("happy"), mark("surprised"), mark("neutral"), mark("sad"), mark("afraid"), mark("disgusted"), mark("angry")];

/** What an expression is called. Labels of other models are the device's own words: they stay as they are. */
export const expression = (word) => (word === UNKNOWN || EXPRESSIONS.includes(word) ? t(word) : word);

/** What is not known, or not shown to this visitor, is a dash: to JavaScript null would be a number, 0. */
const isUnknown = (number) => number === null || number === undefined;
const UNTOLD = "–";

/** "35 %", never broken over two lines; what only rounds to 0 is no 0. */
export const percent = (share) => (isUnknown(share) ? UNTOLD : share > 0 && share < 0.005 ? "<\u00a01\u00a0%" : `${Math.round(100 * share)}\u00a0%`);
export const turned = (share) => (isUnknown(share) ? "" : t("{share} turned to the front", { share: percent(share) }));
export const decimal = (number) => (isUnknown(number) ? UNTOLD : withDigits(number, 1));

/** The ends of an interval, rounded outward: an interval never becomes narrower by being told. */
export const atLeast = (share) => `${Math.floor(100 * share + 1e-9)}\u00a0%`;
export const atMost = (share) => `${Math.ceil(100 * share - 1e-9)}\u00a0%`;

/** Why a room is closed, in its parts: what the catalogue knows is {text, values}, anything else stands as it came. */
export const reasonText = (reason) => [reason].flat().map((part) => (typeof part === "string" ? part : sentence(part))).filter(Boolean).join("; ");

/** Why a room is in a state, of those that need a reason. */
export const reasonOf = (room, state) => (state === "paused" || state === "camera_lost" || state === "throttled" ? reasonText(room.reason) : "");

let zoneName = null, unknownZone = null;

/** Times are told by the clock of this zone, by the first of its names that this browser knows; none: of this browser's. */
export function setZone(names) {
  zoneName = names.length ? names.find(isKnown) ?? "UTC" : null;
  unknownZone = names.length && !names.some(isKnown) ? names[0] : null;
  formats.clear();
}

/** A name that is younger than the browser throws wherever it is used, and nothing would be drawn. */
function isKnown(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const zone = () => zoneName ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone of the server, if this browser does not know it and shows UTC. */
export const zoneNotKnown = () => unknownZone;

const formats = new Map();

/** A format of dates, made once: making one is slow. */
export function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) {
    const locale = language() === "en" ? "en-GB" : language();
    formats.set(key, new Intl.DateTimeFormat(locale, { ...options, ...(zoneName ? { timeZone: zoneName } : {}) }));
  }
  return formats.get(key);
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const CLOCK_SHORT = { hour: "2-digit", minute: "2-digit" };
const DAY = { day: "numeric", month: "short" };
const DATE = { year: "numeric", month: "2-digit", day: "2-digit" };

const sameDay = (a, b) => format(DATE).format(a) === format(DATE).format(b);

/** A time of day; with the day where that is not today. */
export function clock(ms, now, seconds = true) {
  const time = format(seconds ? CLOCK : CLOCK_SHORT).format(ms);
  return sameDay(ms, now) ? time : `${format(DAY).format(ms)} ${time}`;
}

/** "2026-11-20-08-05", by the clock of the pages, for names of files. */
export function moment(ms) {
  const { year, month, day, hour, minute } = Object.fromEntries(format({ ...DATE, ...CLOCK_SHORT, hourCycle: "h23" }).formatToParts(ms).map(({ type, value }) => [type, value]));
  return [year, month, day, hour, minute].join("-");
}

export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return t("{n} s", { n: seconds });
  if (seconds < 7200) return t("{n} min", { n: Math.round(seconds / 60) });
  return seconds < 172800 ? t("{n} h", { n: Math.round(seconds / 3600) }) : tn("{n} day", "{n} days", Math.round(seconds / 86400));
}

const COLLATOR = new Intl.Collator(undefined, { numeric: true });
export const byName = (a, b) => COLLATOR.compare(a, b);
