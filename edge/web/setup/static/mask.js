// The step Mask: polygons on the picture, changed by mouse, finger and keyboard, and a list of them beside it.
import { post } from "./api.js";
import { draft, load, now, settled } from "./draft.js";
import { $, announce, el, say } from "./dom.js";
import { MOST_POINTS, MOST_POLYGONS, area, middle, moved, rectangle, split, withCorner, withoutCorner } from "./polygons.js";
import { startDrawing, drawing, endDrawing, drawnShape } from "./draw.js";
import { commit, forget, shapes, undo, undoable } from "./shapes.js";
import { ARROWS, layer, make, place } from "./svg.js";
import { percent, t, tn } from "./shared/texts.js";

const SMALL = 0.01; // of the picture: one press of an arrow key
const LARGE = 0.05; // with Shift

let held = null; // a shape under mouse or finger: {index, corner or null, start, points, now}
let chosen = { index: -1, corner: null }; // by keyboard
let active = false;

export function startMask() {
  $("draw-mask").addEventListener("click", () => begin("mask"));
  $("draw-area").addEventListener("click", () => begin("area"));
  $("add-mask").addEventListener("click", () => add("mask", rectangle([0.4, 0.4], [0.6, 0.6]), true));
  $("add-area").addEventListener("click", () => add("area", rectangle([0.1, 0.1], [0.9, 0.9]), true));
  $("undo").addEventListener("click", takeBack);
  $("confirm").addEventListener("click", confirm);
  document.addEventListener("keydown", (event) => {
    if (active && (event.ctrlKey || event.metaKey) && event.key === "z" && !event.target.matches("input")) {
      event.preventDefault();
      takeBack();
    }
  });
  layer.addEventListener("pointerdown", grab);
  layer.addEventListener("pointermove", drag);
  layer.addEventListener("pointerup", drop);
  layer.addEventListener("pointercancel", () => { held = null; render(); });
  layer.addEventListener("keydown", key);
  layer.addEventListener("focusout", () => { if (chosen.corner !== null) { chosen = { index: -1, corner: null }; render(); } });
  drawing.addEventListener("change", render);
  drawing.addEventListener("drawn", ({ detail: { kind, points } }) => add(kind, points, true));
  new ResizeObserver(render).observe($("canvas"));
  draft.addEventListener("state", render);
  draft.addEventListener("sending", render);
  draft.addEventListener("overtaken", () => { forget(); endDrawing(); });
  draft.addEventListener("refused", ({ detail, keys }) => {
    if (!keys.includes("camera.masks") && !keys.includes("vision.count_area")) return;
    $("mask-problem").hidden = false;
    say($("mask-detail"), detail.text);
  });
  draft.addEventListener("saved", () => { $("mask-problem").hidden = true; });
}

/** Shapes can be changed in this step only; elsewhere they are a part of the picture. */
export function activateMask(yes) {
  active = yes;
  layer.classList.toggle("active", yes);
  if (!yes) endDrawing();
  render();
}

function begin(kind) {
  if (kind === "mask" && shapes().filter((shape) => shape.kind === "mask").length >= MOST_POLYGONS) {
    announce(t("There are {n} masks already, which is the most.", { n: MOST_POLYGONS }));
    return;
  }
  startDrawing(kind);
}

function add(kind, points, focus) {
  const all = shapes();
  if (kind === "mask" && all.filter((shape) => shape.kind === "mask").length >= MOST_POLYGONS) return;
  const fresh = kind === "area" ? [...all.filter((shape) => shape.kind === "mask"), { kind, points }]
    : [...all.filter((shape) => shape.kind === "mask"), { kind, points }, ...all.filter((shape) => shape.kind === "area")];
  commit(fresh);
  render();
  const index = fresh.findIndex((shape) => shape.points === points);
  if (focus) nodeOf(index)?.focus({ preventScroll: true });
  announce(kind === "area" ? t("The count area is set.") : t("Mask {n} is set.", { n: index + 1 }));
}

function remove(index) {
  const shape = shapes()[index];
  if (!shape) return;
  const name = nameOf(shape, index);
  commit(shapes().filter((_, at) => at !== index));
  chosen = { index: -1, corner: null };
  render();
  announce(t("{shape} is deleted. Undo brings it back.", { shape: name }));
}

function takeBack() {
  undo();
  render();
  announce(t("The last change is undone."));
}

/** Masks that were drawn for another shape of picture: somebody has looked, and they are right. */
async function confirm() {
  try {
    await settled();
    await post("api/masks/confirm", { revision: now().revision });
    await load();
    announce(t("The masks are confirmed."));
    $("draw-mask").focus();
  } catch (error) {
    announce(error.message);
  }
}

const nameOf = (shape, index) => (shape.kind === "area" ? t("Count area") : t("Mask {n}", { n: index + 1 }));
const nodeOf = (index) => layer.querySelector(`g[data-index="${index}"]`);

// Mouse and finger

function grab(event) {
  if (!active || drawnShape() || event.button) return;
  const node = event.target.closest("g[data-index]");
  if (!node) return;
  event.preventDefault();
  const index = Number(node.dataset.index);
  let { points } = shapes()[index];
  let corner = event.target.dataset.corner === undefined ? null : Number(event.target.dataset.corner);
  if (event.target.dataset.edge !== undefined) { // the dot between two corners: it becomes one
    if (points.length >= MOST_POINTS) return;
    points = split(points, Number(event.target.dataset.edge));
    corner = Number(event.target.dataset.edge) + 1;
  }
  held = { index, corner, start: place(event), points, now: points };
  layer.setPointerCapture(event.pointerId);
  node.focus({ preventScroll: true });
}

function drag(event) {
  if (!held) return;
  const [x, y] = place(event);
  held.now = held.corner === null ? moved(held.points, x - held.start[0], y - held.start[1]) : withCorner(held.points, held.corner, [x, y]);
  render();
}

function drop() {
  if (!held) return;
  const { index, now: points } = held;
  held = null;
  change(index, points);
}

function change(index, points, kind = "") {
  const all = shapes();
  if (!all[index] || JSON.stringify(all[index].points) === JSON.stringify(points)) return render();
  commit(all.map((shape, at) => (at === index ? { ...shape, points } : shape)), kind);
  render();
}

// Keyboard

function key(event) {
  const node = event.target.closest?.("g[data-index]");
  if (!active || !node || drawnShape() || event.ctrlKey || event.metaKey || event.altKey) return;
  const index = Number(node.dataset.index);
  const { points } = shapes()[index];
  const corner = chosen.index === index ? chosen.corner : null;
  const arrow = ARROWS[event.key];
  if (arrow) {
    const step = event.shiftKey ? LARGE : SMALL;
    const [dx, dy] = arrow.map((each) => each * step);
    const fresh = corner === null ? moved(points, dx, dy) : withCorner(points, corner, [points[corner][0] + dx, points[corner][1] + dy]);
    change(index, fresh, `${index} ${corner}`);
    const [x, y] = fresh[corner ?? 0];
    announce(t("{x} from the left, {y} from the top", { x: percent(x), y: percent(y) }));
  } else if (event.key === "Enter" || event.key === " ") {
    choose(index, corner === null ? 0 : (corner + 1) % points.length);
  } else if (event.key === "Escape" && corner !== null) {
    chosen = { index: -1, corner: null };
    announce(t("The whole shape moves again."));
    render();
  } else if (event.key === "+" || event.key === "Insert") {
    if (points.length >= MOST_POINTS) return announce(t("A shape has {n} corners at most.", { n: MOST_POINTS }));
    const after = corner ?? points.length - 1;
    change(index, split(points, after));
    choose(index, after + 1);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    if (corner === null || points.length === 3) {
      remove(index);
      focusAfter(index);
    } else {
      change(index, withoutCorner(points, corner));
      choose(index, Math.min(corner, points.length - 2));
    }
  } else return;
  event.preventDefault();
}

function choose(index, corner) {
  chosen = { index, corner };
  render();
  announce(t("Corner {n} of {all}", { n: corner + 1, all: shapes()[index].points.length }));
}

function focusAfter(index) {
  (nodeOf(Math.min(index, shapes().length - 1)) ?? $("draw-mask")).focus({ preventScroll: true });
}

// What is shown

function render() {
  if (!now()) return;
  const { clientWidth: width, clientHeight: height } = $("canvas");
  layer.setAttribute("viewBox", `0 0 ${Math.max(1, width)} ${Math.max(1, height)}`);
  const all = shapes();
  const there = [...layer.querySelectorAll("g[data-index]")];
  there.slice(all.length).forEach((node) => node.remove());
  all.forEach((shape, index) => {
    const node = there[index] ?? layer.insertBefore(make("g", { "data-index": index }), layer.querySelector(".drawn"));
    const points = held?.index === index ? held.now : shape.points;
    node.setAttribute("class", shape.kind);
    node.setAttribute("tabindex", active ? "0" : "-1");
    node.setAttribute("role", active ? "button" : "img");
    node.setAttribute("aria-label", tn("{shape}, {n} corner", "{shape}, {n} corners", points.length, { shape: nameOf(shape, index) }));
    node.replaceChildren(...parts(shape, index, points, width, height));
  });
  dim(all.findIndex(({ kind }) => kind === "area"), all, width, height);
  lists(all);
  say($("masked"), all.some(({ kind }) => kind === "mask") ? t("Masks cover about {share} of the picture.", { share: percent(Math.min(1, all.filter(({ kind }) => kind === "mask").reduce((sum, { points }) => sum + area(points), 0))) }) : "");
  $("undo").disabled = !undoable();
  $("confirm-masks").hidden = now().masks_confirmed !== false;
}

/** What lies outside the count area is darker; below all shapes, so that masks stay as they are. */
function dim(index, all, width, height) {
  layer.querySelector(".dim")?.remove();
  if (index < 0) return;
  const points = held?.index === index ? held.now : all[index].points;
  const outline = points.map(([x, y]) => `${x * width} ${y * height}`).join("L");
  layer.prepend(make("path", { class: "dim", "fill-rule": "evenodd", d: `M0 0H${width}V${height}H0ZM${outline}Z` }));
}

function parts(shape, index, points, width, height) {
  const at = ([x, y]) => [x * width, y * height];
  const outline = points.map((each) => at(each).map((value) => value.toFixed(1)).join(",")).join(" ");
  const found = [];
  found.push(make("polygon", { class: "under", points: outline }), make("polygon", { class: "outline", points: outline }));
  const middleOf = [0, 1].map((axis) => points.reduce((sum, each) => sum + each[axis], 0) / points.length);
  const [x, y] = shape.kind === "area" ? [points[0][0] * width + 8, points[0][1] * height + 18] : at(middleOf);
  const text = make("text", { x, y, class: "number", "text-anchor": shape.kind === "area" ? "start" : "middle" });
  text.textContent = shape.kind === "area" ? t("Count area") : String(index + 1);
  found.push(text);
  if (!active) return found;
  points.forEach((each, edge) => {
    const [mx, my] = at(middle(points, edge));
    const [cx, cy] = at(each);
    const [nx, ny] = at(points[(edge + 1) % points.length]);
    if (Math.hypot(nx - cx, ny - cy) > 56) {
      found.push(make("circle", { class: "edge", cx: mx, cy: my, r: 4 }), make("circle", { class: "hit", "data-edge": edge, cx: mx, cy: my, r: 12 }));
    }
  });
  points.forEach((each, corner) => {
    const [cx, cy] = at(each);
    const mark = chosen.index === index && chosen.corner === corner ? "corner chosen" : "corner";
    found.push(make("circle", { class: mark, cx, cy, r: mark === "corner" ? 6 : 10 }), make("circle", { class: "hit", "data-corner": corner, cx, cy, r: 16 }));
  });
  return found;
}

let listed = "";

function lists(all) {
  const signature = JSON.stringify([all.map(({ kind, points }) => [kind, points.length, percent(area(points))]), document.documentElement.lang]);
  if (signature === listed) return;
  listed = signature;
  const rows = (kind) => all.map((shape, index) => ({ shape, index })).filter((row) => row.shape.kind === kind).map(({ shape, index }) => {
    const name = nameOf(shape, index);
    const size = t("{share} of the picture", { share: percent(area(shape.points)) });
    return el("li", {}, el("span", {}, `${name}, ${size}`),
      button(t("Select"), t("Select: {shape}", { shape: name }), () => nodeOf(index)?.focus()),
      button(t("Delete"), t("Delete: {shape}", { shape: name }), () => {
        remove(index);
        $(kind === "mask" ? "draw-mask" : "draw-area").focus();
      }));
  });
  $("mask-list").replaceChildren(...rows("mask"));
  $("area-list").replaceChildren(...rows("area"));
}

function button(text, label, act) {
  const node = el("button", { type: "button", "aria-label": label }, text);
  node.addEventListener("click", act);
  return node;
}
