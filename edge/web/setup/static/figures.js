// Everything beside the picture. Numbers are smoothed a little and written twice a second: nobody reads faster.

const EVERY = 500; // milliseconds
const at = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;
let written = 0;
let sharp = 0; // smoothed
let best = 0;
let degrees = 66;
let last = null;
let room = null;

export function begin(told) {
  room = told;
}

export function showFigures(shot) {
  last = shot;
  sharp = sharp ? sharp + 0.3 * (shot.sharpness - sharp) : shot.sharpness;
  best = Math.max(best, sharp);
  focus(sharp / best);
  if (performance.now() - written > EVERY) write();
}

export function chooseLens(chosen) {
  degrees = chosen;
  if (last) write();
}

export function forgetFocus() {
  best = sharp = 0;
}

function write() {
  written = performance.now();
  const faces = last.faces.length;
  const small = last.faces.filter((face) => face.small).length;
  at("count").textContent = faces;
  at("count-word").textContent = faces === 1 ? "face" : "faces";
  at("fps").textContent = last.fps?.toFixed(1) ?? "–";
  at("ms").textContent = last.ms.toFixed(0);
  at("canvas").setAttribute("aria-label", `Live picture with ${faces} faces${named()}`);
  at("focus-value").textContent = percent(sharp / best);
  at("focus-hint").textContent = sharp / best > 0.93
    ? "Turn the lens ring to and fro: this is the best so far." : "Turn the lens ring back towards 100 %.";
  light(last.light);
  sizes(last.sizes);
  hint("advice", last.advice, small > 0 || faces === 0);
  lens(last.lenses);
}

// What the words on the boxes say, for those who cannot see them.
function named() {
  const names = last.faces.map((face) => (face.small ? "too small for an emotion" : face.emotion)).filter(Boolean);
  return [...new Set(names)].sort().map((name) => `, ${names.filter((other) => other === name).length} ${name}`).join("");
}

function meter(id, share, warn) {
  const bar = at(id);
  bar.setAttribute("aria-valuenow", Math.round(100 * share));
  bar.classList.toggle("warn", warn);
  bar.firstElementChild.style.width = `${100 * share}%`;
}

function hint(id, sentence, warn) {
  at(id).textContent = sentence;
  at(id).classList.toggle("warn", warn);
}

function focus(share) {
  meter("focus", share, share < 0.85);
}

function light(seen) {
  meter("light", seen.brightness, seen.hint !== "");
  at("brightness").textContent = percent(seen.brightness);
  at("under").textContent = percent(seen.under);
  at("over").textContent = percent(seen.over);
  hint("light-hint", seen.hint || "The light is good.", seen.hint !== "");
}

function sizes(rows) {
  const most = Math.max(1, ...rows.map((row) => row.faces));
  at("sizes").replaceChildren(...rows.map((row, index) => {
    const line = document.createElement("tr");
    line.className = index ? "" : "small-faces";
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = index ? (row.to ? `${row.from} to ${row.to} px` : `over ${row.from} px`) : `under ${row.to} px`;
    const share = line.insertCell();
    share.className = "share";
    const bar = document.createElement("i");
    bar.style.width = `${100 * row.faces / most}%`;
    share.append(bar);
    line.insertCell().textContent = row.faces;
    line.prepend(head);
    return line;
  }));
}

function lens(choices) {
  const names = { 66: " (Pi Camera 3)", 102: " (Pi Camera 3 Wide)" };
  if (!at("lens").options.length) {
    at("lens").append(...choices.map((choice) => new Option(`${choice.degrees}°${names[choice.degrees] ?? ""}`, choice.degrees)));
    at("lens").value = degrees;
  }
  const chosen = choices.find((choice) => choice.degrees === degrees);
  at("reach").textContent = `${emotions() ? "Emotions are named" : "Faces are found reliably"} up to ${metres(chosen.reach)} away.`;
  const near = chosen.nearest === null ? "" : `The faces here are ${metres(chosen.nearest)} to ${metres(chosen.farthest)} away.`;
  const narrower = chosen.narrower === null ? "" : ` For the farthest it takes ${chosen.narrower}° or less.`;
  at("distances").textContent = near + narrower;
}

const emotions = () => room.emotions;
const metres = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} m`;
