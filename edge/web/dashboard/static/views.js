// Every view in one table; app.js does all that they share.
//
// name: of the address (#name/...), of the section in index.html, and of its link
// formerly: what it was called in older addresses, which people have kept
// room: whether it is about one room, which is the first part of its address
// recorded: whether it can be about a room that is not heard of now, but was recorded
// needs: "database": it shows what was recorded
// tells: "figures" or "machines": what a visitor must be allowed to see
// draw(context), model(context): draws the section; what is on screen as {about, columns, rows} for CSV and JSON;
//   `file`: what the name of a file says of it, without one the time of day
// expressions(context): whether what is on screen has shares of expressions; left out, or undefined: what rooms do now
//   says it
// recordedTime(context): whether what is on screen is of the past, and says of when; left out: where `needs` says it
// ready(context): whether there is something to save; left out: always
//
// context: {store, room, place, theme, go(...parts), redraw()}; place: the parts of the address behind the room

import * as lesson from "./lesson.js";
import * as maps from "./maps.js";
import * as now from "./now.js";
import * as school from "./school.js";
import * as technician from "./technician.js";
import { mark } from "../shared/texts.js";

export const VIEWS = [
  { name: "now", title: mark("Now"), room: true, draw: now.draw, model: now.model },
  { name: "lesson", title: mark("Lesson"), room: true, recorded: true, tells: "figures", draw: lesson.draw, model: lesson.model, ready: lesson.ready, start: lesson.start, expressions: lesson.expressions, recordedTime: lesson.isRecorded },
  { name: "week", title: mark("Week"), room: true, recorded: true, needs: "database", tells: "figures", ...maps.week },
  { name: "day", title: mark("Day"), needs: "database", tells: "figures", ...maps.day },
  { name: "weeks", formerly: "term", title: mark("Weeks"), needs: "database", tells: "figures", ...maps.weeks },
  { name: "school", title: mark("School"), draw: school.draw, model: school.model },
  { name: "technician", title: mark("Technician"), tells: "machines", draw: technician.draw, model: technician.model, ready: technician.ready, start: technician.start },
];

/** Whether a view can be shown to this visitor, by what api/about says. */
export const usable = (view, { database, role }) =>
  (view.needs !== "database" || database) &&
  !(view.tells === "figures" && role === "technician") && !(view.tells === "machines" && role === "reader");
