// The polygons of the draft: masks, then the count area; each change is one step that can be undone.
import { change, now } from "./draft.js";

const TOGETHER = 1000; // milliseconds in which steps of one kind are undone as one

let history = [];
let last = { kind: "", time: 0 };

/** All shapes: {kind: "mask" or "area", points}. */
export function shapes() {
  const { values } = now();
  const area = values["vision.count_area"];
  return [...(values["camera.masks"] ?? []).map((points) => ({ kind: "mask", points })), ...(area ? [{ kind: "area", points: area }] : [])];
}

/** Write all shapes. `kind`: steps with the same name that follow each other at once are one. */
export function commit(fresh, kind = "") {
  const time = performance.now();
  const goesOn = kind && kind === last.kind && time - last.time < TOGETHER;
  if (!goesOn) history.push(shapes());
  last = { kind, time };
  write(fresh);
}

export const undoable = () => history.length > 0;

export function undo() {
  const before = history.pop();
  last = { kind: "", time: 0 };
  if (before) write(before);
}

/** What was drawn is not what is there any more: another browser changed it. */
export function forget() {
  history = [];
}

function write(fresh) {
  const masks = fresh.filter(({ kind }) => kind === "mask").map(({ points }) => points);
  const area = fresh.find(({ kind }) => kind === "area")?.points;
  const { values } = now();
  const changed = {};
  if (JSON.stringify(masks) !== JSON.stringify(values["camera.masks"] ?? [])) changed["camera.masks"] = masks.length ? masks : undefined;
  if (JSON.stringify(area ?? null) !== JSON.stringify(values["vision.count_area"] ?? null)) changed["vision.count_area"] = area;
  if (Object.keys(changed).length) change(changed);
}
