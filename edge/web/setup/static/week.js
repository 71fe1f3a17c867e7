// The week as a grid of hours to paint, exact times to add, and a list of the pauses: three ways to one schedule.
import { draft, change, value, problemsOf } from "./draft.js";
import { $, announce, el, say } from "./dom.js";
import { clock, list, t, weekday, withRemedy } from "./shared/texts.js";
import { ARROWS } from "./svg.js";
import { DAYS, painted, schedule, share, spans } from "./weekly.js";

let week = null; // while somebody paints: what will be written
let brush = null; // whether the pointer closes or opens hours
let spoken = "";
let holding = null; // a finger that may scroll, tap, or hold and then paint: {cell, at, timer}
let former = []; // schedules before the last changes
const HOLD = 350; // milliseconds
const STILL = 10; // CSS pixels that a finger may tremble

export function startWeek() {
  const grid = $("week");
  grid.addEventListener("pointerdown", (event) => {
    const cell = event.target.closest("td");
    if (!cell || event.button) return;
    if (event.pointerType === "touch") { // most fingers only pass by, on their way down the page
      letGo();
      const timer = setTimeout(() => { holding = null; begin(cell, event.pointerId); }, HOLD);
      holding = { cell, at: [event.clientX, event.clientY], timer };
      return;
    }
    event.preventDefault();
    begin(cell, event.pointerId);
  });
  grid.addEventListener("pointermove", (event) => {
    if (holding && Math.hypot(event.clientX - holding.at[0], event.clientY - holding.at[1]) > STILL) letGo();
    if (brush === null) return;
    const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest("#week td");
    if (cell) paint(cell, brush);
  });
  grid.addEventListener("pointerup", (event) => {
    if (!holding) return;
    const { cell } = holding;
    letGo();
    begin(cell, event.pointerId);
  });
  grid.addEventListener("pointercancel", letGo);
  grid.addEventListener("touchmove", (event) => { if (brush !== null) event.preventDefault(); }, { passive: false }); // it paints now
  grid.addEventListener("contextmenu", (event) => { if (holding || brush !== null) event.preventDefault(); });
  grid.addEventListener("lostpointercapture", () => { brush = null; write(); });
  $("week-undo").addEventListener("click", takeBack);
  draft.addEventListener("overtaken", () => { former = []; showWeek(); });
  grid.addEventListener("keydown", key);
  $("pause-form").addEventListener("submit", add);
  draft.addEventListener("state", showWeek);
  draft.addEventListener("refused", ({ detail, keys }) => {
    if (keys.includes("privacy.schedule")) announce(detail.text);
  });
}

function begin(cell, pointer) {
  $("week").setPointerCapture(pointer);
  brush = cell.getAttribute("aria-selected") !== "true";
  paint(cell, brush);
  focus(cell);
}

function letGo() {
  clearTimeout(holding?.timer);
  holding = null;
}

/** Every change of the schedule goes this way, so that it can be taken back. */
function put(lines) {
  former.push(value("privacy.schedule") ?? []);
  set(lines);
}

function takeBack() {
  set(former.pop());
  announce(t("The last change is undone."));
}

function set(lines) {
  change({ "privacy.schedule": lines.length ? lines : undefined });
  showWeek();
}

export function showWeek() {
  $("week-undo").disabled = !former.length;
  if (week) return;
  build();
  const days = spans(value("privacy.schedule") ?? []);
  for (const cell of $("week").querySelectorAll("td")) mark(cell, share(days[cell.dataset.day], Number(cell.dataset.hour)));
  pauses();
  const wrong = problemsOf((key) => key.startsWith("privacy.schedule"));
  $("pauses-problem").hidden = !wrong.length;
  say($("pauses-problem"), wrong.map(withRemedy).join(" "));
}

function build() {
  if (spoken === document.documentElement.lang) return;
  spoken = document.documentElement.lang;
  const head = el("tr", {}, el("th", { scope: "col" }, el("span", { className: "unseen" }, t("hour"))), ...DAYS.map((_, day) => el("th", { scope: "col" }, weekday(day))));
  const rows = [...Array(24).keys()].map((hour) => el("tr", {}, el("th", { scope: "row" }, `${hour}`), ...DAYS.map((_, day) =>
    el("td", { role: "gridcell", tabIndex: day || hour !== 12 ? -1 : 0, "data-day": day, "data-hour": hour }))));
  $("week").replaceChildren(el("thead", {}, head), el("tbody", {}, ...rows));
  $("pause-days").replaceChildren(...DAYS.map((name, day) => el("label", {}, el("input", { type: "checkbox", value: name, checked: day < 5 }), el("span", {}, weekday(day)))));
  if (!$("zones").children.length) $("zones").append(...Intl.supportedValuesOf("timeZone").map((zone) => el("option", { value: zone })));
}

function mark(cell, closed) {
  const day = weekday(Number(cell.dataset.day), "long");
  const from = clock(60 * Number(cell.dataset.hour));
  cell.className = closed === 1 ? "closed" : closed ? "partly" : "";
  cell.setAttribute("aria-selected", String(closed === 1));
  cell.setAttribute("aria-label", closed === 1 ? t("{day} {from}: closed", { day, from }) : closed ? t("{day} {from}: partly closed", { day, from }) : t("{day} {from}: open", { day, from }));
}

function paint(cell, closed) {
  week ??= spans(value("privacy.schedule") ?? []);
  const [day, hour] = [Number(cell.dataset.day), Number(cell.dataset.hour)];
  week[day] = painted(week[day], hour, closed);
  mark(cell, closed ? 1 : 0);
}

function write() {
  if (!week) return;
  const lines = schedule(week);
  week = null;
  put(lines);
}

function key(event) {
  const cell = event.target.closest("td");
  if (!cell) return;
  const [day, hour] = [Number(cell.dataset.day), Number(cell.dataset.hour)];
  const arrow = ARROWS[event.key];
  if (arrow) {
    const next = $("week").querySelector(`td[data-day="${day + arrow[0]}"][data-hour="${hour + arrow[1]}"]`);
    if (next && event.shiftKey) {
      paint(next, cell.getAttribute("aria-selected") === "true");
      write();
    }
    if (next) focus(next);
  } else if (event.key === " " || event.key === "Enter") {
    paint(cell, cell.getAttribute("aria-selected") !== "true");
    write();
    announce(cell.getAttribute("aria-label"));
  } else return;
  event.preventDefault();
}

function focus(cell) {
  $("week").querySelector('td[tabindex="0"]')?.setAttribute("tabindex", "-1");
  cell.setAttribute("tabindex", "0");
  cell.focus({ preventScroll: brush !== null });
}

function add(event) {
  event.preventDefault();
  const days = [...$("pause-days").querySelectorAll("input:checked")].map((input) => input.value);
  if (!days.length) return announce(t("Choose a day or more."));
  const line = { days, from: $("pause-from").value, to: $("pause-to").value };
  put([...(value("privacy.schedule") ?? []), line]);
  announce(t("Added: {pause}", { pause: inWords(line) }));
}

function inWords({ days, from, to }) {
  const all = days ?? DAYS;
  const names = all.length === 7 ? t("every day") : list(all.map((name) => weekday(DAYS.indexOf(name))));
  return from === to ? t("{days} from {from}, for 24 hours", { days: names, from }) : t("{days} {from} to {to}", { days: names, from, to });
}

function pauses() {
  const lines = value("privacy.schedule") ?? [];
  const signature = JSON.stringify([lines, spoken]);
  if ($("pauses").dataset.signature === signature) return;
  $("pauses").dataset.signature = signature;
  $("pauses").replaceChildren(...lines.map((line, index) => {
    const remove = el("button", { type: "button", "aria-label": t("Delete: {shape}", { shape: inWords(line) }) }, t("Delete"));
    remove.addEventListener("click", () => {
      put((value("privacy.schedule") ?? []).filter((_, at) => at !== index));
      $("pause-from").focus();
    });
    return el("li", {}, el("span", {}, inWords(line)), remove);
  }));
}
