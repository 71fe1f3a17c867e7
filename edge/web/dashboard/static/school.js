// All rooms: one tile each.

import { $, el, fill, say, show } from "./dom.js";
import { iso, rounded } from "./save.js";
import { entry } from "./stack.js";
import { current } from "./store.js";
import { STATES, clock, colourName, decimal, expression, known as listed, percent, reasonOf, turned } from "./words.js";
import { t, tn } from "../shared/texts.js";

export function model({ store }) {
  const names = store.names();
  const found = [];
  const rows = names.map((name) => {
    const room = store.rooms.get(name), state = store.state(room);
    const window = current(state) ? room.latest : null;
    const parts = window ? window.shares : [];
    parts.forEach((part) => found.push(part));
    return {
      room: name, state: t(STATES[state].word), reason: reasonOf(room, state), to: window && iso(window.end),
      faces_mean: rounded(window?.mean, 2), front_share: rounded(window?.front), basis: window?.basis ?? null,
      ...Object.fromEntries(parts.map(({ label, share }) => [`share_${label}`, rounded(share)])),
      key: state, parts, window, known: room,
    };
  });
  const labels = listed(found);
  const columns = ["room", "state", "reason", "to", "faces_mean", "front_share", "basis", ...labels.map(({ label }) => `share_${label}`)];
  return { about: { view: "school" }, rows, labels, columns: columns.map((key) => ({ key })) };
}

const tiles = new Map(); // name -> its parts in the page, which stay there: focus and screen readers rely on it

export function draw({ store }) {
  const { rows, labels } = model({ store });
  sums(rows);
  counted(rows);
  const all = [...new Set(rows.flatMap(({ known }) => known.labels))];
  fill($("school-legend"), labels.map(({ label }) => label).join("\n"), () => labels.map((each) => entry(each, all)));
  const list = $("school-tiles");
  const names = rows.map(({ room }) => room);
  for (const [name, tile] of tiles) {
    if (!store.rooms.has(name)) {
      tile.node.remove();
      tiles.delete(name);
    }
  }
  names.forEach((name, at) => {
    if (!tiles.has(name)) tiles.set(name, make(name));
    const { node } = tiles.get(name);
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
  });
  for (const row of rows) update(tiles.get(row.room), row, store.now());
}

function make(name) {
  const tile = {
    state: el("span", { className: "state" }),
    faces: el("span", { className: "count" }),
    front: el("span", { className: "front" }),
    strip: el("div", { className: "strip", ariaHidden: "true" }),
    words: el("span", { className: "words" }),
    drawn: el("span", { className: "words" }),
    alerts: el("span", { className: "alerts" }),
  };
  const link = el("a", { href: `#now/${encodeURIComponent(name)}` }, el("bdi", {}, name));
  tile.node = el("li", { className: "tile card" },
    el("h3", {}, link), tile.state, tile.faces, tile.front, tile.strip, tile.words, tile.drawn, tile.alerts);
  return tile;
}

function update(tile, { key, window, parts, known, reason: because }, now) {
  const { symbol, word } = STATES[key];
  tile.node.dataset.state = key;
  say(tile.state, `${symbol} ${t(word)}`);
  say(tile.faces, window && window.mean !== null ? t("{n} faces", { n: decimal(window.mean) }) : "");
  say(tile.front, window ? turned(window.front) : "");
  say(tile.words, parts.length ? largest(parts) : others(key, known, because, now, window));
  say(tile.drawn, known.drawn ? t("drawn sample room, no camera") : "");
  const alerts = known.machine?.alerts ?? 0; // who may not see machines is not told
  say(tile.alerts, alerts ? tn("▲ {n} alert", "▲ {n} alerts", alerts) : "");
  const signature = `${window?.key} ${parts.length}`;
  tile.strip.hidden = window !== null && parts.length === 0;
  if (tile.strip.dataset.signature === signature) return;
  tile.strip.dataset.signature = signature;
  tile.strip.replaceChildren(...parts.map(({ label, share }) => {
    const part = el("span");
    part.style.setProperty("--swatch", `var(${colourName(label, known.labels)})`);
    part.style.flexGrow = 1000 * share;
    return part;
  }));
}

function largest(parts) {
  const first = [...parts].sort((a, b) => b.share - a.share).slice(0, 2);
  return first.map(({ word, share }) => `${expression(word)} ${percent(share)}`).join(", ");
}

function others(state, room, because, now, window) {
  if (because) return because;
  if (window?.withheld) return t(window.withheld.reason);
  if (window) return "";
  if (room.latest && state !== "few_people" && state !== "unseen") return t("last measurement {time}", { time: clock(room.latest.end, now) });
  return "";
}

/** Where nothing but faces is counted: said once, by name only where other rooms do more. */
function counted(rows) {
  const told = rows.filter(({ window }) => window), only = told.filter(({ window }) => window.mode === "headcount");
  show($("school-counted"), only.length > 0);
  const rooms = only.map(({ room }) => room).join(", ");
  say($("school-counted"), only.length < told.length ? t("Faces are only counted in: {rooms}.", { rooms }) : t("Faces are only counted."));
}

function sums(rows) {
  const counts = new Map();
  for (const { key } of rows) counts.set(key, (counts.get(key) ?? 0) + 1);
  const texts = Object.keys(STATES).filter((key) => counts.has(key))
    .map((key) => [key, `${STATES[key].symbol} ${counts.get(key)} ${t(STATES[key].word)}`]);
  fill($("school-sums"), texts.join("\n"), () => texts.map(([key, text]) => {
    const node = el("li", { className: "pill" }, text);
    node.dataset.state = key;
    return node;
  }));
}
