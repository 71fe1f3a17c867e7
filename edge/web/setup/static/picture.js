// Asks for one picture, draws it, and only then asks for the next: a slow browser sees fewer, never old ones.
// What was drawn is wiped as soon as it is not live any more: a tab may stay open for days.
import { OURS } from "./api.js";
import { AWAY, FRONT, OUTSIDE, TOO_SMALL, adjective, colourOf, drawFaces } from "./boxes.js";
import { now } from "./draft.js";
import { $, el, say } from "./dom.js";
import { report } from "./steps.js";
import { decimal, sentence, t, tn } from "./shared/texts.js";

const canvas = $("canvas");
const frame = $("frame");
const context = canvas.getContext("2d");
const WRITTEN = 500; // milliseconds between two texts: nobody reads faster
const OLD = 5000; // milliseconds after which a picture is not live any more

// Events: "shot" for every picture (detail is what the server says of it), "wiped"
export const picture = new EventTarget();
let written = 0;
let seen = 0; // number of the last picture
let drawn = 0; // when it was drawn; 0: nothing is there of it any more

export function startPicture() {
  $("zoom").addEventListener("click", (event) => {
    const actual = frame.classList.toggle("actual");
    event.currentTarget.setAttribute("aria-pressed", String(actual));
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) wipe(); });
  addEventListener("pagehide", wipe);
  setInterval(() => { if (performance.now() - drawn > OLD) wipe(); }, 500);
  run();
}

/** Leave nothing of the last picture, neither on the canvas, which can be saved to the disk, nor in words. */
function wipe() {
  if (!drawn) return;
  drawn = 0;
  context.clearRect(0, 0, canvas.width, canvas.height);
  delete canvas.dataset.number;
  delete canvas.dataset.faces;
  canvas.setAttribute("aria-label", t("No picture yet"));
  say($("count"), "–");
  for (const id of ["count-word", "outside", "speed"]) say($(id), "");
  picture.dispatchEvent(new Event("wiped"));
}

async function run() {
  for (;;) {
    if (document.hidden) await visible();
    try {
      const shot = await ask(seen);
      state(shot.problem && now().source === "" ? t("No camera was found. Choose one in the step Camera, or the sample room there.") : sentence(shot.problem) || (shot.number || drawn ? "" : t("Opening the camera ...")));
      if (shot.problem) wipe();
      if (shot.problem) report("camera", "problem");
      else if (shot.number) report("camera", "done");
      if (!shot.number) {
        if (shot.problem) await pause(1000);
        continue;
      }
      await draw(shot);
    } catch (error) {
      wipe();
      state(error.sentence ?? t("No connection to edge setup. It ends after ten minutes without an open page: start it again."));
      await pause(1500);
    }
  }
}

function state(sentence) {
  say($("status"), sentence);
}

async function ask(seen) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), 20000);
  const answer = await fetch(`newest?after=${seen}`, { headers: OURS, signal: patience.signal });
  if (!answer.ok) throw { sentence: (await answer.text()).trim() };
  const body = await answer.arrayBuffer();
  clearTimeout(timer);
  const length = new DataView(body).getUint32(0);
  const shot = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length)));
  shot.picture = new Blob([new Uint8Array(body, 4 + length)], { type: "image/jpeg" });
  return shot;
}

async function draw(shot) {
  const image = await createImageBitmap(shot.picture);
  if (document.hidden) return;
  [seen, drawn] = [shot.number, performance.now()];
  // The canvas has the pixels of the screen, so that words are sharp, and no fewer than the picture.
  const actual = frame.classList.contains("actual");
  const wide = actual ? image.width : Math.max(image.width, Math.round(canvas.clientWidth * devicePixelRatio));
  const high = Math.round(wide * image.height / image.width);
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  context.drawImage(image, 0, 0, wide, high);
  image.close();
  drawFaces(context, shot.faces, wide / shot.size[0], wide / (canvas.clientWidth || wide));
  canvas.dataset.number = shot.number;
  canvas.dataset.faces = shot.faces.length;
  if (performance.now() - written > WRITTEN) write(shot);
  picture.dispatchEvent(new CustomEvent("shot", { detail: shot }));
  await new Promise(requestAnimationFrame);
}

function write(shot) {
  written = performance.now();
  const faces = shot.faces.length;
  const outside = shot.faces.filter((face) => face.inside === false).length;
  say($("count"), decimal(faces - outside, 0));
  say($("count-word"), tn("face", "faces", faces - outside));
  say($("outside"), outside ? tn(", and {n} outside the count area", ", and {n} outside the count area", outside) : "");
  say($("speed"), shot.fps ? t("{fps} frames/s, {ms} ms a frame", { fps: decimal(shot.fps), ms: decimal(shot.ms, 0) }) : "");
  canvas.setAttribute("aria-label", [tn("Live picture with {n} face", "Live picture with {n} faces", faces), ...named(shot)].join(", "));
  legend(shot);
}

/** What the words on the boxes say, for those who cannot see them. */
function named(shot) {
  const names = shot.faces.map((face) => face.inside === false ? t("not counted") : face.small ? t("too small for an emotion")
    : face.emotion ? adjective(face.emotion) : face.front === true ? t("to the front") : face.front === false ? t("turned away") : "").filter(Boolean);
  return [...new Set(names)].sort().map((name) => `${names.filter((other) => other === name).length} ${name}`);
}

let legendOf = "";

function legend(shot) {
  const { labels, directed } = shot, { values } = now(); // of the picture: the draft may be ahead of it
  const area = Boolean(values["vision.count_area"]);
  const signature = JSON.stringify([labels, directed, area, document.documentElement.lang, values["vision.min_face_px"]]);
  if (signature === legendOf) return;
  legendOf = signature;
  const names = labels.length ? [...labels, "unknown"] : directed ? [] : ["face"];
  const entries = names.map((name) => entry(name === "face" ? t("a face") : adjective(name), (mark) => { mark.style.background = colourOf(name); }));
  if (directed) {
    if (!labels.length) entries.push(entry(t("to the front"), (mark) => { mark.style.background = FRONT; }));
    entries.push(entry(t("turned away"), (mark) => { mark.style.background = AWAY; }));
  }
  const px = values["vision.min_face_px"];
  if (directed) entries.push(entry(labels.length ? t("too small for an emotion (under {px} px)", { px }) : t("too small (under {px} px)", { px }), (mark) => {
    mark.className = "dashed";
    mark.style.borderColor = TOO_SMALL;
  }));
  if (area) entries.push(entry(t("crossed out: outside the count area"), (mark) => { mark.style.background = OUTSIDE; }));
  $("legend").replaceChildren(...entries);
}

function entry(text, paint) {
  const mark = el("i");
  paint(mark);
  return el("li", {}, mark, text);
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const visible = () => new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
