// The step Aim: what the picture is worth. Numbers are smoothed a little and written twice a second: nobody reads faster.
import { now } from "./draft.js";
import { $, el, say } from "./dom.js";
import { decimal, percent, sentence, t, tn } from "./shared/texts.js";
import { picture } from "./picture.js";
import { report } from "./steps.js";

const EVERY = 500; // milliseconds
let written = 0;
let sharp = 0; // smoothed
let best = 0;
let degrees = 66;
let last = null;

export function startAim() {
  picture.addEventListener("shot", ({ detail }) => {
    last = detail;
    sharp = sharp ? sharp + 0.3 * (last.sharpness - sharp) : last.sharpness;
    best = Math.max(best, sharp);
    if (performance.now() - written > EVERY) write();
  });
  picture.addEventListener("wiped", wipe);
  $("focus-again").addEventListener("click", () => { best = sharp = 0; });
  $("lens").addEventListener("change", (event) => {
    degrees = Number(event.target.value);
    if (last) write();
  });
}

/** What was seen is gone with its picture; the sharpest so far is about the lens alone, and stays. */
function wipe() {
  last = null;
  for (const id of ["light", "focus"]) meter(id, 0, false);
  for (const id of ["focus-value", "focus-hint", "brightness", "front", "distances"]) say($(id), "");
  for (const id of ["advice", "better", "light-hint"]) hint(id, "", false);
  $("sizes").replaceChildren();
  report("aim", "");
}

export function write() {
  if (!last) return;
  written = performance.now();
  const share = best ? sharp / best : 1;
  meter("focus", share, share < 0.85);
  say($("focus-value"), t("{share} of the sharpest so far.", { share: percent(share) }));
  say($("focus-hint"), share > 0.93 ? t("Turn the lens ring to and fro: this is the best so far.") : t("Turn the lens ring back towards 100 %."));
  light(last.light);
  sizes(last.sizes);
  const small = last.faces.some((face) => face.small);
  hint("advice", sentence(last.advice), small || !last.faces.length);
  const poor = small || Boolean(last.light.hint);
  hint("better", !last.faces.length ? t("Not known yet: this is judged by faces, and none is in view.")
    : sentence(last.better_place) || (poor ? t("Something can be better: see below.") : t("Nothing would make this place better.")),
  !last.faces.length || Boolean(last.better_place) || poor);
  report("aim", last.faces.length ? (last.better_place || poor ? "problem" : "done") : "");
  say($("front"), last.judged ? tn("{front} of {n} face is turned to the front.", "{front} of {n} faces are turned to the front.", last.judged, { front: last.front }) : "");
  lens(last.lenses);
}

function meter(id, share, warn) {
  const bar = $(id);
  bar.setAttribute("aria-valuenow", Math.round(100 * share));
  bar.classList.toggle("warn", warn);
  bar.firstElementChild.style.width = `${100 * share}%`;
}

function hint(id, text, warn) {
  say($(id), text);
  $(id).classList.toggle("warn", warn);
}

function light(seen) {
  meter("light", seen.brightness, Boolean(seen.hint));
  say($("brightness"), t("Brightness {share}; all black {under}, all white {over} of the picture.",
    { share: percent(seen.brightness), under: percent(seen.under), over: percent(seen.over) }));
  hint("light-hint", sentence(seen.hint) || t("The light is good."), Boolean(seen.hint));
}

function sizes(rows) {
  const most = Math.max(1, ...rows.map((row) => row.faces));
  $("sizes").replaceChildren(...rows.map((row, index) => {
    const range = { from: row.from, to: row.to ?? "" };
    const head = el("th", { scope: "row" }, !index ? t("under {to} px", range) : row.to ? t("{from} to {to} px", range) : t("over {from} px", range));
    const bar = el("i");
    bar.style.width = `${100 * row.faces / most}%`;
    return el("tr", { className: index ? "" : "small-faces" }, head, el("td", { className: "share" }, bar), el("td", {}, decimal(row.faces, 0)));
  }));
}

function lens(choices) {
  const names = { 66: " (Pi Camera 3)", 102: " (Pi Camera 3 Wide)" };
  if (!$("lens").options.length) {
    $("lens").append(...choices.map((choice) => new Option(`${choice.degrees}°${names[choice.degrees] ?? ""}`, choice.degrees)));
    $("lens").value = degrees;
  }
  const chosen = choices.find((choice) => choice.degrees === degrees);
  const reach = { distance: metres(chosen.reach) };
  say($("reach"), now().values.mode === "emotions" ? t("Expressions are named up to {distance} away.", reach) : t("Faces are found reliably up to {distance} away.", reach));
  const far = chosen.nearest === null ? "" : t("The faces here are {near} to {far} away.", { near: metres(chosen.nearest), far: metres(chosen.farthest) });
  const narrower = chosen.narrower === null ? "" : t("For the farthest it takes {degrees}° or less.", { degrees: chosen.narrower });
  say($("distances"), `${far} ${narrower}`.trim());
}

const metres = (value) => `${decimal(value, value < 10 ? 1 : 0)} m`;
