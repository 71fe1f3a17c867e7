// The page: which view of which room, when it is drawn, and what is said to those who do not see it.

import { $, fill, say, show } from "./dom.js";
import * as lesson from "./lesson.js";
import * as now from "./now.js";
import { csv, fileName, json, save } from "./save.js";
import * as school from "./school.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { STATES, byName, clock } from "./words.js";

const DRAW_MS = 1000; // at most one redraw in this time, except of what was just asked for
const VIEWS = { now: "Now", lesson: "Lesson", school: "School" };
const SPANS = [15, 45, 90, 240];

const store = new Store();
let view = "now", wanted = "", minutes = 45;
let last = -Infinity, timer = 0, frame = 0;

/** Where the address says we are: #view/room/minutes. */
function route() {
  const [name, room, span] = location.hash.slice(1).split("/");
  view = Object.hasOwn(VIEWS, name) ? name : store.rooms.size > 1 && !name ? "school" : "now";
  try {
    if (room) wanted = decodeURIComponent(room);
  } catch { /* somebody's own address: the first room, then */ }
  if (SPANS.includes(Number(span))) minutes = Number(span);
}

function go(changes) {
  const to = { view, room: wanted, minutes, ...changes };
  const parts = to.view === "school" ? ["school"] : [to.view, encodeURIComponent(to.room)];
  if (to.view === "lesson") parts.push(to.minutes);
  location.hash = parts.join("/");
}

const names = () => [...store.rooms.keys()].sort(byName);

function chosen() {
  return store.rooms.get(wanted) ?? (wanted ? null : store.rooms.get(names()[0])) ?? null;
}

/** Draw soon, but never twice in a second and never unseen. */
function invalidate() {
  if (timer || frame || document.hidden) return;
  timer = setTimeout(() => {
    timer = 0;
    frame = requestAnimationFrame(draw);
  }, Math.max(0, last + DRAW_MS - performance.now()));
}

function drawNow() {
  last = -Infinity;
  clearTimeout(timer);
  timer = 0;
  invalidate();
}

function draw() {
  frame = 0;
  last = performance.now();
  const room = chosen();
  const theme = document.documentElement.dataset.theme;
  frameOf(room);
  if (!store.about) return;
  if (view === "school") school.draw(store);
  else if (room && view === "now") now.draw(store, room, theme);
  else if (room) {
    store.load(room, minutes).then((read) => read && drawNow());
    lesson.draw(store, room, theme, minutes);
  }
  announce(room);
}

/** All around the views. */
function frameOf(room) {
  const visible = view === "school" ? store.rooms.size > 0 : room !== null;
  for (const [name, title] of Object.entries(VIEWS)) {
    show($(name), name === view && visible);
    if (name === view) say($("title"), title);
    const link = document.querySelector(`nav a[data-view=${name}]`);
    link.href = name === "school" || !room ? `#${name}` : `#${name}/${encodeURIComponent(room.name)}${name === "lesson" ? `/${minutes}` : ""}`;
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = view === "school" || !room ? VIEWS[view] : `${room.name}: ${VIEWS[view].toLowerCase()}`;
  if (document.title !== heading) document.title = heading;
  show($("choose"), view !== "school" && store.rooms.size > 0);
  show($("spans"), view === "lesson" && visible);
  fill($("room"), [...names(), wanted].join("\n"), () => names().map((name) => new Option(name, name)));
  if (room) $("room").value = room.name;
  for (const radio of document.querySelectorAll("#spans input")) {
    radio.checked = Number(radio.value) === minutes;
    show(radio.parentElement, store.about === null || radio.value / 60 <= Math.max(0.25, store.about.hours));
  }
  $("csv").disabled = $("json").disabled = !visible || (view === "lesson" && !store.shown(room, minutes));
  show($("empty"), store.about !== null && !visible);
  say($("empty"), missing());
  link();
}

function missing() {
  if (!store.about || store.rooms.size === 0) {
    return `Nothing has been received yet. Rooms are expected under ${store.about?.prefix}/ at ${store.about?.broker}.`;
  }
  return `There is no room called ${wanted} here.`;
}

function link() {
  const { about, alive, connected, troubles } = store;
  const good = alive && connected;
  say($("link"), about === null ? "… connecting" : good ? "● connected" : alive ? "▲ no broker" : "▲ no server");
  $("link").dataset.state = good ? "live" : about === null ? "waiting" : "offline";
  show($("trouble"), about !== null && !good);
  if (about !== null && !good) {
    say($("trouble"), alive
      ? `The server of this page cannot reach the broker ${about.broker}. It keeps trying; until then no figures here are current.`
      : "This page has lost its server. It keeps trying; until then no figures here are current.");
  }
  if (!about) return;
  const notes = [
    `Numbers of the last ${about.hours} h are kept in the memory of this page's server, nowhere else.`,
    `It started at ${clock(about.started, store.now(), false)} and reads ${about.prefix}/ at ${about.broker}.`,
    `Times are shown in ${Intl.DateTimeFormat().resolvedOptions().timeZone || "this browser's time zone"}; saved files use UTC.`,
  ];
  if (troubles.refused) notes.push(`${troubles.refused} messages were not valid and were left out.`);
  if (troubles.newer.length) notes.push(`${troubles.newer.join(", ")}: a newer version of edge; upgrade this reader.`);
  if (troubles.lost) notes.push(`${troubles.lost} messages came too fast and were lost.`);
  if (troubles.full) notes.push("There are more rooms than can be shown: name some with --device.");
  say($("about"), notes.join(" "));
}

const said = new Map();

/** Changes of state, for screen readers: of the room that is looked at, or of all in the view of the school. */
function announce(room) {
  const changes = [];
  for (const each of store.rooms.values()) {
    const state = store.state(each), before = said.get(each.name);
    said.set(each.name, state);
    if (before && before !== state && (view === "school" || each === room)) changes.push(`${each.name}: ${STATES[state].word}`);
  }
  if (changes.length) say($("said"), changes.length > 5 ? `${changes.length} rooms have changed` : changes.join(", "));
}

function download(ending) {
  const room = chosen(), time = store.now();
  const shown = view === "school" ? school.model(store) : view === "now" ? now.model(store, room) : lesson.model(store, room, minutes);
  const name = fileName(view, view === "school" ? "" : room.name, time, ending);
  if (ending === "csv") save(csv(shown), "text/csv;charset=utf-8", name);
  else save(json(shown, time), "application/json", name);
}

function start() {
  const focus = (event) => {
    event.preventDefault(); // the address is the route
    $("main").focus();
  };
  $("skip").addEventListener("click", focus);
  $("theme").value = window.edgeTheme.choice;
  $("theme").addEventListener("change", () => window.edgeTheme.choose($("theme").value));
  document.addEventListener("theme", drawNow);
  $("room").addEventListener("change", () => go({ room: $("room").value }));
  $("spans").addEventListener("change", (event) => go({ minutes: Number(event.target.value) }));
  $("csv").addEventListener("click", () => download("csv"));
  $("json").addEventListener("click", () => download("json"));
  $("lesson-details").addEventListener("toggle", () => {
    lesson.redraw();
    drawNow();
  });
  window.addEventListener("hashchange", () => {
    route();
    drawNow();
  });
  document.addEventListener("visibilitychange", drawNow);
  window.addEventListener("resize", invalidate);
  route();
  setInterval(invalidate, DRAW_MS);
  new Stream(store, (what) => {
    if (!location.hash) route();
    if (what === "hello") drawNow();
    else invalidate();
  });
  drawNow();
}

start();
