// What nothing forbids, but what would leave somebody without numbers, or with fewer: said where it is set, and once more
// before saving.
import { draft, now, value } from "./draft.js";
import { $, say } from "./dom.js";
import { picture } from "./picture.js";
import { mark, own, t } from "./shared/texts.js";

const MODES = { headcount: mark("Heads"), facing: mark("Directions"), emotions: mark("Expressions") };
const RECENT = 20; // pictures: of a single one chance would decide
let counts = []; // faces in the count area of the last pictures

export function startNotes() {
  picture.addEventListener("shot", ({ detail }) => {
    counts = [...counts, detail.faces.filter((face) => face.inside !== false).length].slice(-RECENT);
    showNotes();
  });
  picture.addEventListener("wiped", () => {
    counts = [];
    showNotes();
  });
  for (const event of ["state", "sending"]) draft.addEventListener(event, showNotes);
}

/** {key, problem} for each, in the language of the page. */
export const notes = () => [
  { key: "mode", problem: measured() }, { key: "privacy.min_faces", problem: few() }, { key: "privacy.trust_clock", problem: unset() },
].filter(({ problem }) => problem);

export function showNotes() {
  say($("few"), few());
  say($("mode-changes"), measured());
  $("clock").hidden = now().clock_synced !== false || !(value("privacy.schedule") ?? []).length;
}

/** Heads are proposed where the file names nobody, so this may be what nobody has chosen. */
function measured() {
  const before = now().mode_in_file, after = value("mode");
  if (before === null || before === after) return "";
  const named = (mode) => (own(MODES, mode) ? t(own(MODES, mode)) : mode);
  return t("The file says: {before}. Saving changes it to: {after}.", { before: named(before), after: named(after) });
}

function few() {
  const most = Math.max(0, ...counts);
  const least = value("privacy.min_faces");
  if (!counts.length || most >= least) return "";
  return t("Faces in view now: {n}. With fewer than {least}, no numbers are sent.", { n: most, least });
}

function unset() {
  if (now().clock_synced !== false || value("privacy.trust_clock") || !(value("privacy.schedule") ?? []).length) return "";
  return t("This machine's clock is not set (NTP): with pauses, nothing is measured until it is.");
}
