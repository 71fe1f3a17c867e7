// The page: which view of which room, when it is drawn, and what is said to those who do not see it.

import { $, el, fill, say, show } from "./dom.js";
import { fitToPaper } from "./plot.js";
import { csv, fileName, json, save } from "./save.js";
import { Store, onlyCounts } from "./store.js";
import { Stream } from "./stream.js";
import { VIEWS, usable } from "./views.js";
import { STATES, byName, clock, format, moment, setZone, zone, zoneNotKnown } from "./words.js";
import { SOON_MS } from "../shared/insist.js";
import { language, languages, list, loadTexts, speak, t, tn, translatePage } from "../shared/texts.js";

const MOST_NAMED = 5; // rooms of one sentence, or one more: in its place "1 more" would say less
const FULL = { dateStyle: "full", timeStyle: "short" };
const DRAW_MS = 1000; // at most one redraw in this time, except of what was just asked for

const store = new Store();
let view = VIEWS[0], wanted = "", place = [];
let last = -Infinity, timer = 0, frame = 0;
const left = new Map(); // address -> what had the focus when it was left
let arrived = false;

const views = () => VIEWS.filter((each) => usable(each, store.page));

/** Where the address says we are: #view/room/... */
function route() {
  const [name, ...parts] = location.hash.slice(1).split("/").map(decoded);
  const first = store.page.role === "technician" ? "technician" : store.rooms.size > 1 && !name ? "school" : "now";
  view = views().find((each) => [each.name, each.formerly].includes(name)) ?? views().find((each) => each.name === first) ?? views()[0];
  if (view.room && parts[0]) [wanted] = parts;
  place = view.room ? parts.slice(1) : parts;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return ""; // somebody's own address
  }
}

const addressOf = (...parts) => `#${parts.filter((part) => part !== undefined).map(encodeURIComponent).join("/")}`;

function go(...parts) {
  location.hash = addressOf(...parts);
}

function chosen() {
  const waits = view.recorded && store.recorded.length === 0 && store.unread(); // else the first of the rooms changes
  return store.room(wanted || (waits ? "" : store.names(view.recorded)[0]), view.recorded);
}

const context = () => ({ store, room: chosen(), place, theme: document.documentElement.dataset.theme, go, redraw: drawNow });

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
  const shown = context();
  frameOf(shown);
  store.loadRooms().then((changed) => changed && drawNow());
  if (!store.about) return;
  if (isVisible(shown)) view.draw(shown);
  announce(shown.room);
  if (arrived) focus();
}

/** Who comes back finds the focus where it was; who comes anew finds it on what is shown, never on something hidden. */
function focus() {
  arrived = false;
  const seen = (node) => node && node !== document.body && node.getClientRects().length > 0;
  const before = left.get(location.hash);
  if (seen(before)) before.focus({ preventScroll: true });
  else if (!seen(document.activeElement)) $("main").focus({ preventScroll: true });
}

const isVisible = ({ room }) => (view.room ? room !== null : view.name !== "school" || store.rooms.size > 0);

/** All around the views. */
function frameOf(shown) {
  const { room } = shown, visible = isVisible(shown);
  for (const each of VIEWS) show($(each.name), each === view && visible);
  links(room);
  const title = t(view.title);
  say($("title"), title);
  const heading = view.room && room ? `${room.name}: ${title}` : title;
  if (document.title !== heading) document.title = heading;
  show($("on-paper"), view.needs !== "database" && !view.recordedTime?.(shown));
  say($("on-paper"), `${heading}, ${format(FULL).format(store.now())}`);
  show($("choose"), Boolean(view.room) && store.names(view.recorded).length > 0);
  const names = store.names(view.recorded);
  fill($("room"), [...names, wanted].join("\n"), () => names.map((name) => new Option(name, name)));
  $("room").value = room?.name ?? ""; // of an unknown room none
  $("csv").disabled = $("json").disabled = !visible || !(view.ready?.(shown) ?? true);
  show($("empty"), store.about !== null && !visible);
  say($("empty-why"), missing());
  fill($("empty-rooms"), [view.name, ...names].join("\n"), () =>
    names.map((name) => el("li", {}, el("a", { href: addressOf(view.name, name) }, el("bdi", {}, name)))));
  drawnRooms(view.room ? (visible ? [room] : []) : [...store.rooms.values()]);
  const rooms = view.room ? [room] : [...store.rooms.values()];
  show($("of-expressions"), visible && (view.expressions?.(shown) ?? rooms.some((each) => !onlyCounts(each))));
  visitor();
  link();
}

/** Figures of the sample input must never be taken for those of people. */
function drawnRooms(shown) {
  const names = shown.filter((room) => room.drawn).map((room) => room.name).sort(byName);
  show($("drawn"), names.length > 0);
  if (!names.length) return;
  const more = names.length - MOST_NAMED;
  const rooms = list(more > 1 ? [...names.slice(0, MOST_NAMED), t("{n} more", { n: more })] : names);
  const past = view.recorded || view.needs === "database"; // of then nobody has said it
  say($("drawn"), past ? tn(
    "{rooms} is the drawn sample room at present: there is no camera and nobody in front of one. Figures of an earlier time may be of a camera.",
    "{rooms} are drawn sample rooms at present: there is no camera and nobody in front of one. Figures of an earlier time may be of cameras.",
    names.length, { rooms },
  ) : tn(
    "{rooms} is the drawn sample room: there is no camera and nobody in front of one, and its figures are of drawn faces.",
    "{rooms} are drawn sample rooms: there is no camera and nobody in front of one, and their figures are of drawn faces.",
    names.length, { rooms },
  ));
}

function links(room) {
  const nav = $("views"), listed = views();
  fill(nav, [language(), ...listed.map(({ name }) => name)].join(" "), () =>
    listed.map(({ name, title }) => el("a", { href: addressOf(name) }, t(title))));
  listed.forEach((each, at) => {
    const node = nav.children[at];
    node.dataset.view = each.name;
    if (each === view) node.setAttribute("aria-current", "page");
    else node.removeAttribute("aria-current");
    node.href = each.room && room ? addressOf(each.name, room.name) : addressOf(each.name);
  });
}

function missing() {
  const unread = view.recorded ? store.unread() : "";
  if (unread) return unread;
  if (!store.about || store.names(view.recorded).length === 0) {
    return t("Nothing has been received yet. Rooms are expected under {prefix}/ at {broker}.", { prefix: store.about?.prefix ?? "", broker: store.about?.broker ?? "" });
  }
  return t("There is no room called {room} here. These are known:", { room: wanted });
}

/** Whose token was shown, and the way to give it back. */
function visitor() {
  const { signed_in: signedIn, name } = store.page;
  show($("sign-out"), Boolean(signedIn));
  say($("who"), name ? t("Signed in as {name}.", { name }) : "");
}

function link() {
  const { about, page, alive, connected, troubles } = store;
  const good = alive && connected;
  say($("link"), about === null ? t("… connecting") : good ? t("● connected") : alive ? t("▲ no broker") : t("▲ no server"));
  $("link").dataset.state = good ? "live" : about === null ? "waiting" : "offline";
  const wrong = about === null ? [] : wrongs();
  show($("trouble"), wrong.length > 0);
  if (about === null) return;
  say($("trouble"), wrong.join(" "));
  const here = zone() || t("this browser's time zone");
  const notes = [
    page.database
      ? page.district
        ? t("What was recorded is in a database that this page's server asks.")
        : t("What was recorded is in a file of this page's server, and nothing of it elsewhere.")
      : t("Numbers of the last {n} h are kept in the memory of this page's server, nowhere else.", { n: about.hours }),
    t("Times are shown in {zone}; saved files use UTC.", { zone: here }),
  ];
  if (troubles.refused) notes.push(tn("{n} message was not valid and was left out.", "{n} messages were not valid and were left out.", troubles.refused));
  if (troubles.newer.length) notes.push(t("{rooms}: a newer version of edge; upgrade this reader.", { rooms: troubles.newer.join(", ") }));
  if (troubles.lost) notes.push(tn("{n} message came too fast and was lost.", "{n} messages came too fast and were lost.", troubles.lost));
  if (troubles.full) notes.push(t("There are more rooms than can be shown: name some with --device."));
  say($("about"), notes.join(" "));
  say($("technician-about"), t("This page's server started at {time} and reads {prefix}/ at {broker}.", { time: clock(about.started, store.now(), false), prefix: about.prefix, broker: about.broker }));
}

/** What makes the figures here other than one would think. */
function wrongs() {
  const { about, alive, connected, troubles } = store, found = [];
  if (!alive) found.push(t("This page has lost its server. It keeps trying; until then no figures here are current."));
  else if (!connected) found.push(t("The server of this page cannot reach the broker {broker}. It keeps trying; until then no figures here are current.", { broker: about.broker }));
  else if (troubles.recorder) found.push(t("What comes cannot be recorded now. It stays at the broker until it can; see what the server says."));
  if (troubles.ahead.length) found.push(t("{rooms}: the times of the measurements are later than the clock of this page's server. The last minutes show them only once their time has come, and never those that are more than 5 minutes ahead. Set whichever clock is wrong.", { rooms: troubles.ahead.join(", ") }));
  if (zoneNotKnown()) found.push(t("This browser does not know the time zone {zone} of the server. Times are shown in UTC; those in the list of lessons, and those you choose, are of {zone}.", { zone: zoneNotKnown() }));
  return found;
}

const said = new Map();

/** Changes of state, for screen readers: of the room that is looked at, or of all where all are shown. */
function announce(room) {
  const changes = [];
  for (const each of store.rooms.values()) {
    const state = store.state(each), before = said.get(each.name);
    said.set(each.name, state);
    if (before && before !== state && (!view.room || each === room)) changes.push(`${each.name}: ${t(STATES[state].word)}`);
  }
  if (changes.length) say($("said"), changes.length > 5 ? tn("{n} room has changed", "{n} rooms have changed", changes.length) : changes.join(", "));
}

function download(ending) {
  const shown = context(), time = store.now(), model = view.model(shown);
  const name = fileName(view.name, view.room ? shown.room.name : "", model.file ?? moment(time), ending);
  if (ending === "csv") save(csv(model), "text/csv;charset=utf-8", name);
  else save(json(model, time), "application/json", name);
}

function chooseLanguage() {
  $("language").replaceChildren(...Object.entries(languages()).map(([tag, name]) => Object.assign(new Option(name, tag), { lang: tag })));
  $("language").value = language();
  $("language").addEventListener("change", async (event) => {
    await speak(event.target.value);
    location.reload(); // every view writes its texts anew
  });
}

async function start() {
  if (!window.edgeTheme) { // theme.js was refused
    setTimeout(() => location.reload(), SOON_MS);
    return;
  }
  $("theme").value = window.edgeTheme.choice;
  $("theme").addEventListener("change", () => window.edgeTheme.choose($("theme").value));
  const refused = () => {
    say($("link"), t("▲ no server"));
    $("link").dataset.state = "offline";
  };
  await loadTexts(refused);
  translatePage();
  chooseLanguage();
  await store.loadPage(refused);
  setZone(store.page.zones);
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address is the route
    $("main").focus();
  });
  document.addEventListener("theme", drawNow);
  $("room").addEventListener("change", () => go(view.name, $("room").value, ...place));
  $("csv").addEventListener("click", () => download("csv"));
  $("json").addEventListener("click", () => download("json"));
  for (const each of VIEWS) each.start?.(context);
  window.addEventListener("hashchange", (event) => {
    left.set(new URL(event.oldURL).hash, document.activeElement);
    arrived = true;
    route();
    drawNow();
  });
  document.addEventListener("visibilitychange", drawNow);
  window.addEventListener("resize", invalidate);
  window.addEventListener("beforeprint", fitToPaper);
  window.addEventListener("afterprint", drawNow);
  route();
  setInterval(invalidate, DRAW_MS);
  new Stream(store, async (what) => {
    if (what === "hello") {
      await store.loadPage();
      setZone(store.page.zones);
      route();
      drawNow();
      return;
    }
    if (!location.hash) route();
    invalidate();
  });
  drawNow();
}

start();
