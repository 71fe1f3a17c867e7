// One share over the time of a lesson as a line with its 90 % band: a small picture that prints and scales by itself.

import { el } from "./dom.js";
import { clock, percent } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000, HEIGHT = 300; // of the drawing's own units; the page stretches it

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/**
 * @param line {what, pieces: [[ms, share, low, high], ...]}
 * @param lesson {from, to, gaps, width}: width is the time that a point stands for, in milliseconds
 * @param title what it is a share of
 * @param said the figure of the whole lesson, in words
 * @param colour name of the CSS variable
 */
export function band(line, { from, to, gaps, width }, title, said, colour) {
  const x = (ms) => (WIDTH * (Math.min(Math.max(ms, from), to) - from)) / (to - from);
  const y = (share) => HEIGHT * (1 - share);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${said}` });
  for (const gap of gaps) {
    if (gap.end > from && gap.start < to) drawing.append(svg("rect", { class: "gap", x: x(gap.start), y: 0, width: x(gap.end) - x(gap.start), height: HEIGHT }));
  }
  for (const share of [0, 0.5, 1]) drawing.append(svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: y(share), y2: y(share) }));
  for (const piece of line.pieces) {
    const [[middle, ...only], ...others] = piece; // a line of one point is drawn for as long as the point stands for
    const drawn = others.length ? piece : [[middle - width / 2, ...only], [middle + width / 2, ...only]];
    const points = (at) => drawn.map((each) => `${x(each[0]).toFixed(1)},${y(each[at]).toFixed(1)}`);
    drawing.append(svg("polygon", { class: "band", points: [...points(3), ...points(2).reverse()].join(" ") }));
    drawing.append(svg("polyline", { class: "line", points: points(1).join(" ") }));
  }
  const node = el("figure", { className: "band-figure" },
    el("figcaption", {}, el("strong", {}, el("bdi", {}, title)), ` ${said}`),
    el("div", { className: "band-area" },
      el("div", { className: "band-scale", ariaHidden: "true" }, ...[1, 0.5, 0].map((share) => el("span", {}, percent(share)))),
      drawing),
    el("div", { className: "band-times", ariaHidden: "true" }, el("span", {}, clock(from, from, false)), el("span", {}, clock((from + to) / 2, from, false)), el("span", {}, clock(to, from, false))));
  node.style.setProperty("--swatch", `var(${colour})`);
  return node;
}
