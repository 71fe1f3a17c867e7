// Names, symbols, colours and formats. A state is told by its symbol and word; colour only helps.

export const STATES = {
  live: { symbol: "●", word: "live" },
  throttled: { symbol: "◓", word: "slowed down" },
  few_people: { symbol: "◌", word: "too few people" },
  short: { symbol: "◌", word: "window too short" },
  few_near: { symbol: "◌", word: "too few people near enough" },
  few_front: { symbol: "◌", word: "too few people turned to the front" },
  paused: { symbol: "■", word: "paused" },
  camera_lost: { symbol: "▲", word: "camera lost" },
  offline: { symbol: "✕", word: "offline" },
  silent: { symbol: "◇", word: "no windows" },
  unheard: { symbol: "?", word: "not known" },
  waiting: { symbol: "…", word: "waiting" },
  nothing: { symbol: "◇", word: "no windows" },
  off: { symbol: "◇", word: "device off or restarting" },
  lost: { symbol: "◇", word: "windows missing" },
  before: { symbol: "←", word: "before this dashboard started" },
};

export const UNKNOWN = "unknown";

// From the bottom of the stack to its top: lively below, neutral between, the others hanging from the top.
const ORDER = ["happy", "surprise", "neutral", "sad", "fear", "disgust", "angry"];
const OTHERS = 5; // colours for labels of other models

export function ordered(labels) {
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

export const percent = (share) => `${Math.round(100 * share)} %`;
export const turned = (share) => (share === null ? "" : `${percent(share)} turned to the front`);
export const decimal = (number) => number.toFixed(1);

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const CLOCK_SHORT = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

/** A time of day; with the day where that is not today. */
export function clock(ms, now, seconds = true) {
  const time = (seconds ? CLOCK : CLOCK_SHORT).format(ms);
  return sameDay(ms, now) ? time : `${DAY.format(ms)} ${time}`;
}

export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

const COLLATOR = new Intl.Collator("en", { numeric: true });
export const byName = (a, b) => COLLATOR.compare(a, b);
