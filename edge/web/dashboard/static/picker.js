// Which lesson: day by day and one after the other; by the timetable, or by free times where there is none.

import { Question } from "./ask.js";
import { $, fill, say, show } from "./dom.js";
import { format } from "./words.js";
import { language, t } from "../shared/texts.js";

let day = null; // what api/day has said
const question = new Question();
const WHOLE = "00:00-24:00";

export function start(context) {
  const openDay = (value) => context().room && value && context().go("lesson", context().room.name, value);
  $("lesson-today").addEventListener("click", () => openDay(day?.today));
  $("lesson-yesterday").addEventListener("click", () => openDay(day && before(day.today)));
  $("lesson-day").addEventListener("change", (event) => openDay(event.target.value));
  $("lesson-name").addEventListener("change", (event) => context().go("lesson", context().room.name, $("lesson-day").value, event.target.value));
  for (const id of ["lesson-before", "lesson-after"]) {
    $(id).addEventListener("click", () => {
      const to = JSON.parse($(id).dataset.to);
      context().go("lesson", context().room.name, to.day, ...to.name ? [to.name] : []);
    });
  }
  for (const id of ["lesson-from", "lesson-to"]) {
    $(id).addEventListener("change", () => {
      const from = $("lesson-from").value, to = $("lesson-to").value;
      if (from && to && from < to) context().go("lesson", context().room.name, $("lesson-day").value, `${from}-${to}`);
    });
  }
}

/** The day before, as a date field has it. */
const before = (text) => new Date(Date.parse(`${text}T12:00:00Z`) - 86400000).toISOString().slice(0, 10);

export function draw(context, lesson) {
  const { store, room, place } = context;
  show($("lesson-picker"), store.page.database);
  if (!store.page.database) return;
  const wanted = lesson?.day ?? (/^\d{4}-/.test(place[0] ?? "") ? place[0] : "");
  load(context, wanted);
  $("lesson-before").disabled = !lesson?.before;
  $("lesson-after").disabled = !lesson?.after;
  $("lesson-before").dataset.to = JSON.stringify(lesson?.before ?? null);
  $("lesson-after").dataset.to = JSON.stringify(lesson?.after ?? null);
  if (wanted && document.activeElement !== $("lesson-day")) $("lesson-day").value = wanted;
  const here = day && day.room === room.name && day.day === wanted ? day : null;
  const listed = here?.lessons ?? [];
  $("lesson-today").ariaPressed = String(Boolean(here) && here.day === here.today);
  $("lesson-yesterday").ariaPressed = String(Boolean(here) && here.day === before(here.today));
  show($("lesson-name").parentElement, store.page.timetable);
  show($("lesson-times"), !store.page.timetable);
  const options = [...listed.map((each) => [each.name, labelOf(each, store.now())]), [WHOLE, t("whole day")]];
  fill($("lesson-name"), `${language()} ${JSON.stringify(options)}`, () => options.map(([value, label]) => new Option(label, value)));
  $("lesson-name").value = lesson?.name || WHOLE;
  if (!store.page.timetable && lesson && document.activeElement?.type !== "time") [$("lesson-from").value, $("lesson-to").value] = lesson.clock;
  const holiday = here?.holiday;
  show($("lesson-holiday"), typeof holiday === "string");
  say($("lesson-holiday"), typeof holiday === "string" ? holiday || t("a holiday") : "");
}

function labelOf({ name, from, to, start, end, recorded }, now) {
  const minutes = Math.round(recorded / 60);
  const much = now < start ? t("not yet") : minutes ? t("{n} min recorded", { n: minutes }) : t("nothing recorded");
  return `${from}–${to}  ${name} (${now >= start && now < end ? t("now") : much})`;
}

async function load({ room, redraw }, wanted) {
  const address = `api/day?${new URLSearchParams({ room: room.name, day: wanted })}`;
  if (!wanted || !(await question.ask(address))) return;
  day = question.of(address).told ?? day;
  redraw();
}

/** "Friday, 27 November 2026", of a moment. */
export const longDay = (ms) => format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(ms);
