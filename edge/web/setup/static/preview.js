// Asks for one picture, draws it, and only then asks for the next: a slow browser sees fewer, never old ones.
import { COLOURS, TOO_SMALL, drawFaces } from "./boxes.js";
import { begin, showFigures, chooseLens, forgetFocus } from "./figures.js";

const canvas = document.getElementById("canvas");
const frame = document.getElementById("frame");
const state = document.getElementById("status");
const context = canvas.getContext("2d");
const LOST = "No connection to edge preview. It exits after ten minutes without an open page; start it again to go on.";

async function main() {
  const room = await (await fetch("room")).json();
  document.getElementById("room").textContent = `${room.name}, ${room.source}`;
  document.title = `edge preview: ${room.name}`;
  legend(room);
  begin(room);
  let seen = 0;
  for (;;) {
    if (document.hidden) await visible();
    try {
      const shot = await ask(seen);
      say(shot.problem || (shot.number || seen ? "" : "Opening the camera ..."));
      if (!shot.number) {
        if (shot.problem) await pause(1000);
        continue;
      }
      seen = shot.number;
      await draw(shot);
      showFigures(shot);
    } catch (error) {
      say(error.sentence ?? LOST);
      await pause(1500);
    }
  }
}

async function ask(seen) {
  const answer = await fetch(`newest?after=${seen}`, { signal: AbortSignal.timeout(20000) });
  if (!answer.ok) throw { sentence: (await answer.text()).trim() };
  const body = await answer.arrayBuffer();
  const length = new DataView(body).getUint32(0);
  const shot = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length)));
  shot.picture = new Blob([new Uint8Array(body, 4 + length)], { type: "image/jpeg" });
  return shot;
}

async function draw(shot) {
  const picture = await createImageBitmap(shot.picture);
  // The canvas has the pixels of the screen, so that words are sharp, and no fewer than the picture.
  const actual = frame.classList.contains("actual");
  const wide = actual ? picture.width : Math.max(picture.width, Math.round(canvas.clientWidth * devicePixelRatio));
  const high = Math.round(wide * picture.height / picture.width);
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  context.drawImage(picture, 0, 0, wide, high);
  picture.close();
  drawFaces(context, shot.faces, wide / shot.size[0], wide / (canvas.clientWidth || wide));
  canvas.dataset.number = shot.number;
  canvas.dataset.faces = shot.faces.length;
  await new Promise(requestAnimationFrame);
}

function legend(room) {
  const list = document.getElementById("legend");
  const entries = (room.labels.length ? [...room.labels, "unknown"] : ["face"]).map((name) => [name, COLOURS[name] ?? COLOURS.unknown]);
  for (const [name, colour] of entries) list.append(entry(name, (mark) => { mark.style.background = colour; }));
  if (room.emotions) list.append(entry(`too small for an emotion (under ${room.min_face_px} px)`, (mark) => {
    mark.className = "dashed";
    mark.style.borderColor = TOO_SMALL;
  }));
}

function entry(text, paint) {
  const item = document.createElement("li");
  const mark = document.createElement("i");
  paint(mark);
  item.append(mark, text);
  return item;
}

function say(sentence) {
  if (state.textContent !== sentence) state.textContent = sentence; // a screen reader speaks at every change
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const visible = () => new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));

document.getElementById("zoom").addEventListener("click", (event) => {
  const actual = frame.classList.toggle("actual");
  event.currentTarget.setAttribute("aria-pressed", String(actual));
});
document.getElementById("focus-again").addEventListener("click", forgetFocus);
document.getElementById("lens").addEventListener("change", (event) => chooseLens(Number(event.target.value)));

main().catch(() => say("This page could not be started; load it again."));
