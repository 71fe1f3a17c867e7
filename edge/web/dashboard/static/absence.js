// Why a time has no figures, in one sentence: it stands in place of a chart in which nothing would be drawn.

import { list, mark, t } from "../shared/texts.js";

const WHY = {
  few_people: mark("figures are withheld, as too few people were in view"),
  unseen: mark("not a single frame was seen"),
  short: mark("figures are withheld, as the measurements were too short"),
  paused: mark("the room was paused"),
  camera_lost: mark("the device had lost its camera"),
  offline: mark("the device was off, or could not reach the broker"),
  off: mark("the device was off, or restarted"),
  lost: mark("its measurements have not come"),
  nothing: mark("no measurement came"),
  unheard: mark("this page's server could not reach the broker"),
  before: mark("this dashboard had not started yet"),
  unrecorded: mark("the recording had not begun yet"),
  days_only: mark("only the sums of the day are kept"),
  deleted: mark("what there was has been deleted on request"),
};
const UNRECORDED = mark("nothing was recorded, as the device sent nothing or no recorder was running");
const MOST = 3, WORTH = 0.1; // reasons that are told, and the part of the time that each explains

/** `gaps` are all of a time without figures; `recorded`: they are of a recording; `goesOn`: more may come. */
export function absence(gaps, { recorded, goesOn }) {
  const lengths = new Map();
  for (const { kind, start, end } of gaps) lengths.set(kind, (lengths.get(kind) ?? 0) + end - start);
  const all = [...lengths.values()].reduce((sum, each) => sum + each, 0);
  const kinds = [...lengths].filter(([kind, length]) => WHY[kind] && length >= WORTH * all).sort((a, b) => b[1] - a[1]).slice(0, MOST);
  const words = (kinds.length ? kinds : [["nothing"]]).map(([kind]) => t(recorded && kind === "nothing" ? UNRECORDED : WHY[kind]));
  const why = list(words);
  return goesOn ? t("There is nothing to show yet: {why}.", { why }) : t("There is nothing to show of this time: {why}.", { why });
}
