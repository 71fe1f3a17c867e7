// A new polygon: a rectangle by one pull, or corner after corner; by keyboard with a cross that the arrow keys move.
import { $, announce, say } from "./dom.js";
import { MOST_POINTS, point, rectangle } from "./polygons.js";
import { ARROWS, layer, make, place } from "./svg.js";
import { percent, t, tn } from "./shared/texts.js";

const PULL = 8; // CSS pixels from which a press is a pull
const NEAR = 14; // CSS pixels around the first corner that end the shape

export const drawing = new EventTarget(); // "drawn" with {kind, points}; "change" when drawing begins or ends
let shape = null; // {kind, points, cross, touch, press}; a finger has no cross: it is nowhere between two touches

export const drawnShape = () => shape;

export function prepareDrawing() {
  layer.addEventListener("pointerdown", press);
  layer.addEventListener("pointermove", move);
  layer.addEventListener("pointerup", lift);
  layer.addEventListener("pointercancel", () => { if (shape) shape.press = null; });
  layer.addEventListener("dblclick", () => { if (shape) finish(); });
  layer.addEventListener("keydown", key);
  $("draw-done").addEventListener("click", finish);
  $("draw-cancel").addEventListener("click", cancel);
  new ResizeObserver(show).observe($("canvas"));
}

export function startDrawing(kind) {
  shape = { kind, points: [], cross: [0.5, 0.5], touch: matchMedia("(pointer: coarse)").matches, press: null };
  layer.classList.add("drawing");
  layer.setAttribute("tabindex", "0");
  $("drawing").hidden = false;
  layer.focus({ preventScroll: true });
  $("frame").scrollIntoView({ block: "nearest" });
  show();
  announce(t("Set corners: the arrow keys move the cross, Enter sets a corner, Enter once more ends the shape, Escape gives it up."));
  drawing.dispatchEvent(new Event("change"));
}

export function endDrawing() {
  if (!shape) return;
  shape = null;
  layer.classList.remove("drawing");
  layer.removeAttribute("tabindex");
  $("drawing").hidden = true;
  show();
  drawing.dispatchEvent(new Event("change"));
}

function finish() {
  const { kind, points } = shape;
  if (points.length < 3) {
    say($("drawing-said"), t("A shape needs three corners or more."));
    announce(t("A shape needs three corners or more."));
    return;
  }
  endDrawing();
  drawing.dispatchEvent(new CustomEvent("drawn", { detail: { kind, points } }));
}

function cancel() {
  const { kind } = shape;
  endDrawing();
  announce(t("Nothing was drawn."));
  $(kind === "mask" ? "draw-mask" : "draw-area").focus();
}

function set(corner) {
  const same = shape.points.some(([x, y]) => Math.hypot(x - corner[0], y - corner[1]) < 0.005);
  if (same || shape.points.length >= MOST_POINTS) return;
  shape.points.push(corner);
  show();
  announce(tn("{n} corner is set.", "{n} corners are set.", shape.points.length));
}

// Mouse and finger

const apart = ([ax, ay], [bx, by]) => Math.hypot((ax - bx) * layer.clientWidth, (ay - by) * layer.clientHeight);

function press(event) {
  if (!shape || event.button) return;
  event.preventDefault();
  layer.focus({ preventScroll: true });
  layer.setPointerCapture(event.pointerId);
  shape.press = { from: place(event), pulled: false };
  shape.touch = event.pointerType === "touch";
}

function move(event) {
  if (!shape) return;
  shape.cross = place(event);
  shape.touch = event.pointerType === "touch";
  if (shape.press && !shape.points.length && apart(shape.press.from, shape.cross) > PULL) shape.press.pulled = true;
  show();
}

function lift(event) {
  if (!shape?.press) return;
  const { from, pulled } = shape.press;
  const to = place(event);
  shape.press = null;
  if (pulled) {
    shape.points = rectangle(from, to);
    if (Math.abs(from[0] - to[0]) > 0.005 && Math.abs(from[1] - to[1]) > 0.005) return finish();
    shape.points = [];
  } else if (shape.points.length >= 3 && apart(shape.points[0], to) < NEAR) return finish();
  else set(to);
  show();
}

// Keyboard

function key(event) {
  if (!shape || event.target !== layer || event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow) {
    const step = event.shiftKey ? 0.1 : 0.02;
    shape.cross = point(shape.cross[0] + arrow[0] * step, shape.cross[1] + arrow[1] * step);
    shape.touch = false;
    show();
    announce(t("{x} from the left, {y} from the top", { x: percent(shape.cross[0]), y: percent(shape.cross[1]) }));
  } else if (event.key === " ") {
    shape.touch = false;
    set(shape.cross);
  } else if (event.key === "Enter") {
    const last = shape.points.at(-1);
    if (last && apart(last, shape.cross) < 1) return event.preventDefault(), finish();
    shape.touch = false;
    set(shape.cross);
  }
  else if (event.key === "Backspace" || event.key === "Delete") {
    shape.points.pop();
    show();
    announce(tn("{n} corner is set.", "{n} corners are set.", shape.points.length));
  } else if (event.key === "Escape") cancel();
  else return;
  event.preventDefault();
}

// What is shown

function show() {
  layer.querySelector(".drawn")?.remove();
  if (!shape) return;
  const { clientWidth: width, clientHeight: height } = $("canvas");
  const at = ([x, y]) => [x * width, y * height];
  const group = make("g", { class: "drawn" });
  const points = shape.press?.pulled ? rectangle(shape.press.from, shape.cross) : [...shape.points, ...(shape.points.length && !shape.touch ? [shape.cross] : [])];
  const line = points.map((each) => at(each).join(",")).join(" ");
  group.append(make("polygon", { class: "under", points: line }), make("polygon", { class: "outline", points: line }));
  for (const each of shape.points) {
    const [cx, cy] = at(each);
    group.append(make("circle", { class: "corner", cx, cy, r: 6 }));
  }
  const [x, y] = at(shape.cross);
  if (!shape.touch) for (const mark of ["under", "outline"]) group.append(make("path", { class: `cross ${mark}`, d: `M${x - 14} ${y}H${x + 14}M${x} ${y - 14}V${y + 14}` }));
  layer.append(group);
  say($("drawing-said"), shape.points.length ? tn("{n} corner is set.", "{n} corners are set.", shape.points.length)
    : t("Drag a rectangle, or set the corners one by one."));
}
