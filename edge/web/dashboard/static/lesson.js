// A lesson: of the past from what was recorded, or the last minutes; and what chooses between them.
//
// #lesson/ROOM                the lesson that goes on, else the newest
// #lesson/ROOM/DAY/NAME       a lesson of the timetable, or a time as 08:00-09:30
// #lesson/ROOM/DAY            the first lesson of a day, of today the newest; without a timetable all of the day
// #lesson/ROOM/45             the last 45 minutes

import { AGAIN_MS, Question, SOON_MS } from "./ask.js";
import { $, say, show } from "./dom.js";
import * as minutes from "./minutes.js";
import * as picker from "./picker.js";
import * as recorded from "./recorded.js";

const SLOWLY_MS = 60_000; // after which a whole day that goes on is asked for again: it takes the server most of a second

export const isRecorded = ({ store, place }) => store.page.database && !minutes.SPANS.includes(Number(place[0]));
const addressOf = ({ room, place }) => `api/lesson?${new URLSearchParams({ room: room.name, day: place[0] ?? "", name: place[1] ?? "" })}`;

const question = new Question();

export function start(context) {
  minutes.start(context);
  picker.start(context);
  recorded.start(context);
}

const shown = (context) => question.of(addressOf(context));
const told = (context) => shown(context)?.told ?? null;

export const ready = (context) => (isRecorded(context) ? told(context) !== null : minutes.ready(context));
export const model = (context) => (isRecorded(context) ? recorded.model(context, told(context)) : minutes.model(context));

/** Of what was recorded; what is heard of a room now tells of the last minutes. */
export const expressions = (context) => (isRecorded(context) && told(context) ? told(context).shares.length > 0 : undefined);

export function draw(context) {
  const past = isRecorded(context), { store } = context;
  show($("lesson-past"), past);
  show($("lesson-now"), !past);
  show($("spans"), true);
  picker.draw(context, past ? told(context) : null);
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
  show($("lesson-past"), found.told !== null);
  say($("lesson-problem"), found.problem);
  if (found.told) recorded.draw(context, found.told, store.hears && !found.problem);
}

async function load(context) {
  const { running, revision = "" } = told(context) ?? {};
  const after = running ? SOON_MS : revision ? AGAIN_MS : SLOWLY_MS;
  if (await question.ask(addressOf(context), after, `&known=${revision}`)) context.redraw();
}
