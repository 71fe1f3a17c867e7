// A box and two short lines for every face, drawn on the picture itself.

export const COLOURS = {
  happy: "#ffd447", neutral: "#d3dae2", sad: "#7cb7ff", surprise: "#ffa657",
  angry: "#ff7b72", fear: "#c79bf2", disgust: "#7fce7f", unknown: "#9aa4ae", face: "#5fd0c5",
};
const ADJECTIVES = { disgust: "disgusted", fear: "afraid", surprise: "surprised" }; // the others are ones already
export const TOO_SMALL = "#ff5fa2";

const LETTERS = 11.5; // CSS pixels, however large the picture is shown

export function drawFaces(context, faces, scale, pixel) {
  // scale: from pixels of the camera to those of the canvas; pixel: one CSS pixel on the canvas
  context.textBaseline = "middle";
  context.font = `600 ${LETTERS * pixel}px system-ui, sans-serif`;
  const shown = faces.map((face) => {
    const [x, y, width, height] = face.box.map((value) => value * scale);
    const colour = face.small ? TOO_SMALL : COLOURS[face.emotion ?? "face"] ?? COLOURS.unknown;
    return { ...face, x, y, width, height, colour };
  });
  for (const face of shown) box(context, face, pixel);
  // Words that would lie over other faces or words are left out, those of the nearest faces last.
  const taken = shown.map(({ x, y, width, height }) => ({ x, y, width, height }));
  shown.sort((a, b) => b.height - a.height);
  for (const face of shown) {
    if (face.emotion) chip(context, taken, face, `${ADJECTIVES[face.emotion] ?? face.emotion} ${Math.round(100 * face.confidence)} %`, pixel, true);
    else if (face.front === false) chip(context, taken, face, "turned away", pixel, true);
  }
  for (const face of shown) chip(context, taken, face, `${Math.round(face.box[3])} px`, pixel, false);
}

function box(context, { x, y, width, height, small, colour }, pixel) {
  const line = Math.max(1.5, Math.min(3, width / pixel / 25)) * pixel;
  context.setLineDash(small ? [4 * pixel, 3 * pixel] : []);
  context.lineWidth = line + 1.5 * pixel;
  context.strokeStyle = "rgb(0 0 0 / .55)";
  context.strokeRect(x, y, width, height);
  context.lineWidth = line;
  context.strokeStyle = colour;
  context.strokeRect(x, y, width, height);
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
