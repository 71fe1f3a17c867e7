// Puts the page together: texts first, then the draft, then every step; and what all steps share.
import { startAim, write as writeAim } from "./aim.js";
import { showResult, startCalibration } from "./calibration.js";
import { startCamera } from "./camera.js";
import { askRooms, showChecks, showConnect, startConnect } from "./connect.js";
import { draft, load, now, OVERTAKEN, problemsOf } from "./draft.js";
import { prepareDrawing } from "./draw.js";
import { $, say } from "./dom.js";
import { bindFields, show as showFields } from "./fields.js";
import { activateMask, startMask } from "./mask.js";
import { showNotes, startNotes } from "./notes.js";
import { startPicture } from "./picture.js";
import { openSave, showProblems, showSaved, startSave } from "./save.js";
import { showSteps, startSteps, steps } from "./steps.js";
import { language, languages, loadTexts, sentence, speak, t, translatePage } from "./shared/texts.js";
import { showWeek, startWeek } from "./week.js";

async function main() {
  await loadTexts();
  translatePage();
  await load();
  chooseLanguage();
  header();
  draft.addEventListener("state", header);
  draft.addEventListener("sending", () => say($("saved"), t("saving ...")));
  draft.addEventListener("saved", () => say($("saved"), t("saved in the draft")));
  draft.addEventListener("refused", ({ detail }) => say($("saved"), detail.status ? t("not saved: see below") : t("not saved: no connection")));
  draft.addEventListener("overtaken", () => {
    $("overtaken").hidden = false;
    say($("overtaken"), t(OVERTAKEN));
    say($("saved"), "");
  });
  draft.addEventListener("sending", () => { $("overtaken").hidden = true; });
  bindFields();
  startCamera();
  startAim();
  startCalibration();
  prepareDrawing();
  startMask();
  startConnect();
  startWeek();
  showWeek();
  startSave();
  startNotes();
  steps.addEventListener("open", ({ detail: step }) => {
    activateMask(step === "mask");
    if (step === "connect") askRooms();
    if (step === "save") openSave();
  });
  startSteps();
  document.documentElement.classList.remove("loading");
  startPicture();
}

function header() {
  const { values } = now();
  say($("room"), values["device.name"]);
  const wrong = problemsOf((key) => key === "mode");
  $("mode-problem").hidden = !wrong.length;
  say($("mode-problem"), wrong.map((each) => sentence(each.problem)).join(" "));
  $("notice").href = `notice?language=${language()}`;
}

function chooseLanguage() {
  $("language").replaceChildren(...Object.entries(languages()).map(([tag, name]) => Object.assign(new Option(name, tag), { lang: tag })));
  $("language").value = language();
  $("language").addEventListener("change", async (event) => {
    await speak(event.target.value);
    translatePage();
    for (const show of [header, showSteps, () => showFields(), writeAim, showResult, showConnect, showChecks, showWeek, showNotes, showProblems, showSaved]) show();
    draft.dispatchEvent(new Event("state")); // every part writes its texts anew
    say($("saved"), "");
  });
}

main().catch((error) => {
  document.documentElement.classList.remove("loading");
  say($("status"), error.message || t("This page could not be started; load it again."));
});
