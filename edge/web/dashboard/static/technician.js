// The machines of all rooms: troubles with what to do, troubled rooms first; facts, versions; filter and search.

import { $, el, fill, say, show, table } from "./dom.js";
import { iso } from "./save.js";
import { STATES, clock, duration } from "./words.js";
import { mark, sentence, t, tn } from "../shared/texts.js";

const BEAT_MS = 5000; // after which what is told may have changed, also when nothing comes: a room that fell silent
const SIGNS = { bad: "▲", warn: "!", good: "●" };
const STATUS = {
  running: mark("running"), online: mark("online"), no_status: mark("no status"), throttled: STATES.throttled.word,
  paused: STATES.paused.word, camera_lost: STATES.camera_lost.word, offline: STATES.offline.word, silent: STATES.silent.word,
};

let told = null; // what api/machines said: {rooms, versions}
let version = "", loading = false;
let find = "", only = false;
let read = null; // the place of which the filter was read

const cards = new Map(); // room -> its nodes in the page, which stay there: focus and open facts rely on it

export const ready = () => told !== null;

export function start(context) {
  $("technician-filter").addEventListener("submit", (event) => event.preventDefault());
  $("technician-find").addEventListener("input", () => filter($("technician-find").value, only, context));
  $("technician-only").addEventListener("change", () => filter(find, $("technician-only").checked, context));
}

function filter(words, troubled, context) {
  [find, only] = [words, troubled];
  const parts = ["technician", ...(find || only ? [only ? "troubled" : "all"] : []), ...(find ? [find] : [])];
  history.replaceState(null, "", `#${parts.map(encodeURIComponent).join("/")}`); // typing is no way that somebody goes back
  drawRooms(context());
}

export function draw(context) {
  const { place } = context, address = place.join("/");
  if (read !== address) {
    read = address;
    [only, find] = [place[0] === "troubled", place[1] ?? ""];
    $("technician-find").value = find;
    $("technician-only").checked = only;
  }
  load(context);
  drawRooms(context);
}

/** Ask again where something has changed; the events say so. */
async function load({ store, redraw }) {
  const changes = [...store.rooms.values()].map((room) => `${room.machine?.changes}${room.online}${room.mode}`);
  const wanted = [...changes, Math.floor(store.now() / BEAT_MS)].join("/");
  if (loading || wanted === version) return;
  loading = true;
  try {
    const answer = await fetch("api/machines");
    if (!answer.ok) throw new Error(String(answer.status));
    told = await answer.json();
    version = wanted;
    redraw();
  } catch {
    // the server is gone, as the page says; the next draw asks again
  } finally {
    loading = false;
  }
}

/** What the server says; a device's own words are nobody's texts, and stay as they are. */
const said = (told) => (typeof told === "string" ? told : sentence(told));
const words = (trouble) => [said(trouble.problem), said(trouble.remedy)];

function wanted(room) {
  if (only && room.level === "good") return false;
  const all = [
    room.room, t(STATUS[room.status]), ...room.troubles.flatMap((trouble) => [trouble.id, ...words(trouble)]),
    ...room.facts.map(({ text }) => said(text)),
  ].join(" ").toLocaleLowerCase();
  return find.toLocaleLowerCase().split(/\s+/).every((word) => all.includes(word));
}

function drawRooms({ store }) {
  if (told === null) return;
  const shown = told.rooms.filter(wanted), now = store.now();
  const troubled = told.rooms.filter(({ level }) => level !== "good").length;
  const sum = [
    tn("{n} room", "{n} rooms", told.rooms.length), troubled ? tn("{n} with a trouble", "{n} with troubles", troubled) : t("none in trouble"),
    ...(shown.length < told.rooms.length ? [t("{n} shown", { n: shown.length })] : []),
  ];
  say($("technician-sum"), sum.join(", "));
  const names = new Set(shown.map(({ room }) => room));
  for (const [name, card] of cards) {
    if (!names.has(name)) card.node.remove();
    if (!told.rooms.some(({ room }) => room === name)) cards.delete(name);
  }
  const list = $("technician-rooms");
  shown.forEach((room, at) => {
    if (!cards.has(room.room)) cards.set(room.room, make(room.room));
    const card = cards.get(room.room);
    if (list.children[at] !== card.node) list.insertBefore(card.node, list.children[at] ?? null);
    update(card, room, now);
  });
  inventory();
}

function make(name) {
  const card = {
    sign: el("span", { className: "sign", ariaHidden: "true" }), status: el("span", { className: "state" }),
    seen: el("span", { className: "small" }), troubles: el("ul", { className: "troubles" }), facts: el("dl"),
  };
  const head = el("h3", {}, card.sign, el("bdi", {}, name));
  card.details = el("details", {}, el("summary", {}, t("Facts")), card.facts);
  card.node = el("li", { className: "card machine" }, head, card.status, card.seen, card.troubles, card.details);
  return card;
}

function update(card, room, now) {
  card.node.dataset.level = room.level;
  say(card.sign, SIGNS[room.level]);
  say(card.status, t(STATUS[room.status]));
  say(card.seen, room.seen === null ? t("last seen: not known") : t("last seen {time}", { time: clock(room.seen, now) }));
  show(card.troubles, room.troubles.length > 0);
  fill(card.troubles, JSON.stringify(room.troubles), () => room.troubles.map((trouble) => {
    const [problem, remedy] = words(trouble);
    const since = trouble.since === null ? [] : [el("span", { className: "small" }, t("since {time}", { time: clock(trouble.since, now) }))];
    return el("li", {}, el("strong", {}, problem), el("span", { className: "remedy" }, remedy), ...since);
  }));
  fill(card.facts, JSON.stringify(room.facts), () => room.facts.map(({ title, text, level }) => {
    const value = el("dd", {}, text === null ? t("not known") : said(text));
    value.dataset.level = level;
    return el("div", {}, el("dt", {}, sentence(title)), value);
  }));
}

function inventory() {
  fill($("technician-versions"), JSON.stringify(told.versions), () => {
    const columns = [
      { key: "version", title: mark("Version"), show: (text) => text || t("not known") },
      { key: "number", title: mark("Number") },
      { key: "models", title: mark("Models"), show: (text) => text || t("not known") },
      { key: "rooms", title: mark("Rooms"), show: (rooms) => rooms.join(", ") },
    ];
    const rows = told.versions.map((each) => ({
      ...each, number: each.rooms.length, version: each.older ? t("{version}, older", { version: each.version }) : each.version,
    }));
    return [table({ columns, rows }, t("How many rooms run which version and models"))];
  });
}

export function model({ store }) {
  const shown = (told?.rooms ?? []).filter(wanted);
  const facts = [...new Set(shown.flatMap((room) => room.facts.map(({ key }) => key)))];
  const rows = shown.map((room) => ({
    room: room.room, level: room.level, status: t(STATUS[room.status]), seen: room.seen === null ? null : iso(room.seen),
    silent_for: room.seen === null ? null : duration(store.now() - room.seen),
    troubles: room.troubles.map((trouble) => words(trouble).join(" ")).join("; "),
    ...Object.fromEntries(room.facts.map(({ key, text }) => [key, text === null ? null : said(text)])),
  }));
  const columns = ["room", "level", "status", "seen", "silent_for", "troubles", ...facts].map((key) => ({ key }));
  return { about: { view: "technician" }, columns, rows };
}
