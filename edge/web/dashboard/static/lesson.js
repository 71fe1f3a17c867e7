// A lesson: of the past from what was recorded, or the last minutes; and what chooses between them.
//
// #lesson/ROOM                the lesson that goes on, else the newest
// #lesson/ROOM/DAY/NAME       a lesson of the timetable, or a time as 08:00-09:30
// #lesson/ROOM/DAY            the first lesson of a day, of today the newest; without a timetable all of the day
// #lesson/ROOM/45             the last 45 minutes

import { AGAIN_MS, SOON_MS, ask } from "./ask.js";
import { $, say, show } from "./dom.js";
import * as minutes from "./minutes.js";
import * as picker from "./picker.js";
import * as recorded from "./recorded.js";
import { t } from "../shared/texts.js";

const SLOWLY_MS = 60_000; // after which a whole day that goes on is asked for again: it takes the server most of a second

export const isRecorded = ({ store, place }) => store.page.database && !minutes.SPANS.includes(Number(place[0]));
const addressOf = ({ room, place }) => `api/lesson?${new URLSearchParams({ room: room.name, day: place[0] ?? "", name: place[1] ?? "" })}`;

let answer = null; // {address, asked, lesson or problem}
let asking = "";

export function start(context) {
  minutes.start(context);
  picker.start(context);
  recorded.start(context);
}

const shown = (context) => (answer && answer.address === addressOf(context) ? answer : null);

export const ready = (context) => (isRecorded(context) ? Boolean(shown(context)?.lesson) : minutes.ready(context));
export const model = (context) => (isRecorded(context) ? recorded.model(context, shown(context).lesson) : minutes.model(context));

/** Of what was recorded; what is heard of a room now tells of the last minutes. */
export const expressions = (context) => (isRecorded(context) && shown(context)?.lesson ? shown(context).lesson.shares.length > 0 : undefined);

export function draw(context) {
  const past = isRecorded(context), { store } = context;
  show($("lesson-past"), past);
  show($("lesson-now"), !past);
  show($("spans"), true);
  picker.draw(context, past ? shown(context)?.lesson ?? null : null);
  if (!past) {
    show($("lesson-problem"), false);
    minutes.draw(context);
    return;
  }
  for (const radio of document.querySelectorAll("#spans input")) radio.checked = false;
  load(context);
  const found = shown(context);
  $("lesson").ariaBusy = String(!found);
  if (!found) return;
  show($("lesson-problem"), Boolean(found.problem));
  show($("lesson-past"), !found.problem);
  say($("lesson-problem"), found.problem ?? "");
  if (found.lesson) recorded.draw(context, found.lesson, store.now());
}

async function load(context) {
  const address = addressOf(context), known = shown(context), now = performance.now();
  const again = known?.problem || known?.lesson.running ? SOON_MS : known?.lesson.revision ? AGAIN_MS : SLOWLY_MS;
  if (asking === address || (known && now - known.asked < again)) return;
  asking = address;
  let found;
  try {
    const revision = known?.lesson?.revision ?? "";
    const { told, problem, passing } = await ask(`${address}&known=${revision}`);
    found = told?.unchanged || (passing && revision) ? { ...known, asked: now } : { address, asked: now, problem, lesson: told };
  } catch { // what is shown stays
    found = { problem: t("The server of this page does not answer."), ...known, address, asked: now };
  }
  if (asking !== address) return; // another one was asked for meanwhile
  answer = found;
  asking = "";
  context.redraw();
}
