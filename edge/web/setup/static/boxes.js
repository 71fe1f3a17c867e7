// A box and two short lines for every face, drawn on the picture itself.
import { decimal, own, percent, t } from "./shared/texts.js";

const COLOURS = {
  happy: "#ffd447", neutral: "#d3dae2", sad: "#7cb7ff", surprise: "#ffa657",
  angry: "#ff7b72", fear: "#c79bf2", disgust: "#7fce7f", unknown: "#9aa4ae", face: "#5fd0c5",
};
export const colourOf = (label) => own(COLOURS, label) ?? COLOURS.unknown;
export const TOO_SMALL = "#ff5fa2";
export const OUTSIDE = "#c3cad1";
export const FRONT = "#c6f04d"; // where directions are measured and no expressions; as AWAY, no colour of an expression
export const AWAY = "#c08a5a";

const LETTERS = 11.5; // CSS pixels, however large the picture is shown

/** What a face with this emotion is called; a label of a model that we do not know is shown as it is. */
export function adjective(emotion) {
  return own({
    happy: t("happy"), neutral: t("neutral"), sad: t("sad"), surprise: t("surprised"), angry: t("angry"),
    fear: t("afraid"), disgust: t("disgusted"), unknown: t("unknown"),
  }, emotion) ?? emotion;
}

export function drawFaces(context, faces, scale, pixel) {
  // scale: from pixels of the camera to those of the canvas; pixel: one CSS pixel on the canvas
  context.textBaseline = "middle";
  context.font = `600 ${LETTERS * pixel}px system-ui, sans-serif`;
  const shown = faces.map((face) => {
    const [x, y, width, height] = face.box.map((value) => value * scale);
    const outside = face.inside === false;
    const turned = face.emotion || typeof face.front !== "boolean" ? "" : face.front ? FRONT : AWAY;
    const colour = outside ? OUTSIDE : face.small ? TOO_SMALL : turned || colourOf(face.emotion ?? "face");
    return { ...face, x, y, width, height, colour, outside };
  });
  for (const face of shown) box(context, face, pixel);
  // Words that would lie over other faces or words are left out, those of the nearest faces last.
  const taken = shown.map(({ x, y, width, height }) => ({ x, y, width, height }));
  shown.sort((a, b) => b.height - a.height);
  for (const face of shown) {
    if (face.outside) chip(context, taken, face, t("not counted"), pixel, true);
    else if (face.emotion) chip(context, taken, face, `${adjective(face.emotion)} ${percent(face.confidence)}`, pixel, true);
    else if (face.front === true) chip(context, taken, face, t("to the front"), pixel, true);
    else if (face.front === false) chip(context, taken, face, t("turned away"), pixel, true);
  }
  for (const face of shown) chip(context, taken, face, `${decimal(face.box[3], 0)} px`, pixel, false);
}

function box(context, { x, y, width, height, small, colour, outside }, pixel) {
  const line = Math.max(1.5, Math.min(3, width / pixel / 25)) * pixel;
  const path = new Path2D();
  path.rect(x, y, width, height);
  if (outside) { // a cross: seen without colours, too
    path.moveTo(x, y);
    path.lineTo(x + width, y + height);
    path.moveTo(x + width, y);
    path.lineTo(x, y + height);
  }
  context.setLineDash(small && !outside ? [4 * pixel, 3 * pixel] : []);
  context.lineWidth = line + 1.5 * pixel;
  context.strokeStyle = "rgb(0 0 0 / .55)";
  context.stroke(path);
  context.lineWidth = line;
  context.strokeStyle = colour;
  context.stroke(path);
}

function chip(context, taken, face, text, pixel, above) {
  const { canvas } = context;
  const height = 1.35 * LETTERS * pixel;
  const width = context.measureText(text).width + 6 * pixel;
  // Beside a box much narrower than they are, nobody knows whose words they are: on a phone the colour has to do.
  if (width > (above ? 3.2 : 2.6) * face.width) return;
  const x = Math.max(0, Math.min(face.x + face.width / 2 - width / 2, canvas.width - width));
  const y = Math.max(0, Math.min(above ? face.y - height - pixel : face.y + face.height + pixel, canvas.height - height));
  const place = { x, y, width, height };
  if (taken.some((other) => overlap(place, other))) return;
  taken.push(place);
  context.fillStyle = above ? face.colour : "rgb(12 16 20 / .72)";
  context.beginPath();
  context.roundRect(x, y, width, height, 3 * pixel);
  context.fill();
  context.fillStyle = above ? "#10151a" : face.colour;
  context.fillText(text, x + 3 * pixel, y + height / 2 + 0.5 * pixel);
}

const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
