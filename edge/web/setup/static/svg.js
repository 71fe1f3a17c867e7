// The layer over the picture: its elements, and where on it somebody points. Lengths in it are CSS pixels.
import { $ } from "./dom.js";
import { point } from "./polygons.js";

export const layer = $("shapes");
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Where mouse or finger are, in fractions of the picture. */
export function place(event) {
  const box = layer.getBoundingClientRect();
  return point((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}

export function make(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, given] of Object.entries(attributes)) node.setAttribute(name, given);
  return node;
}
