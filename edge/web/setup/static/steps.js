// The steps: their order, their titles, which keys belong to which, and the way from one to the next.
import { draft, now, value } from "./draft.js";
import { $, el, say } from "./dom.js";
import { refused } from "./fields.js";
import { t } from "./shared/texts.js";

const STEPS = ["camera", "aim", "mask", "connect", "answer", "save"];
const VISITED = "edge-setup-visited"; // of this tab: which steps were opened

const results = new Map(); // step -> "done" or "problem", of the steps that have something to show for it
export const steps = new EventTarget(); // "open" with the name of a step

export const titleOf = (step) => ({
  camera: t("Camera"), aim: t("Aim"), mask: t("Mask"), connect: t("Connect"), answer: t("Answer for it"), save: t("Save"),
}[step]);

/** The step in which a key is set. */
export function stepOf(key) {
  if (/^(camera\.masks|camera\.masked|vision\.count_area)/.test(key)) return "mask";
  if (/^camera/.test(key)) return "camera";
  if (/^(vision|gpio)/.test(key)) return "aim";
  if (/^(mqtt|device|homeassistant)/.test(key)) return "connect";
  if (/^(mode|deployment|privacy)/.test(key)) return "answer";
  return "save";
}

const current = () => (STEPS.includes(location.hash.slice(1)) ? location.hash.slice(1) : STEPS[0]);

export function startSteps() {
  addEventListener("hashchange", () => open(true));
  for (const event of ["state", "refused"]) draft.addEventListener(event, showSteps);
  open(false);
}

function open(focus) {
  const step = current();
  const visited = new Set(seen()).add(step);
  try {
    sessionStorage.setItem(VISITED, [...visited].join());
  } catch { /* a browser that stores nothing */ }
  for (const name of STEPS) $(`step-${name}`).hidden = name !== step;
  document.body.dataset.step = step;
  showSteps();
  steps.dispatchEvent(new CustomEvent("open", { detail: step }));
  if (focus) {
    $(`step-${step}`).querySelector("h2").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }
}

function seen() {
  try {
    return (sessionStorage.getItem(VISITED) ?? "").split(",");
  } catch {
    return [];
  }
}

/** What has come of a step: "done", "problem", or "" while nobody knows. */
export function report(step, result) {
  if ((results.get(step) ?? "") === result) return;
  results.set(step, result);
  showSteps();
}

/**
 * A picture, a place and a broker are tried; masks and answers hold once somebody has looked and nothing is wrong, and
 * so does the broker inside the device, which nobody has to reach: a trial only says more.
 */
function stateOf(step, visited, wrong) {
  if (wrong.has(step)) return "problem";
  const looked = ["mask", "answer"].includes(step) || (step === "connect" && value("mqtt.broker") === "embedded");
  return results.get(step) || (looked && visited.includes(step) ? "done" : "");
}

export function showSteps() {
  const here = current();
  const visited = seen();
  const wrong = new Set([...now().problems, ...refused()].map((problem) => stepOf(problem.key ?? "")));
  if (now().masks_confirmed === false) wrong.add("mask");
  $("steps").replaceChildren(...STEPS.map((step, index) => {
    const state = stateOf(step, visited, wrong);
    const mark = { problem: "!", done: "✓" }[state] ?? (step === "save" ? "→" : String(index + 1));
    const words = { problem: t("something to do"), done: t("done") }[state];
    const link = el("a", { href: `#${step}`, className: state }, el("span", { className: "mark", "aria-hidden": "true" }, mark), " ",
      el("span", {}, titleOf(step)), ...(words ? [el("span", { className: "unseen" }, ` (${words})`)] : []));
    if (step === here) link.setAttribute("aria-current", "step");
    return el("li", {}, link);
  }));
  const at = STEPS.indexOf(here);
  onward("back", STEPS[at - 1], (title) => t("Back: {step}", { step: title }));
  onward("next", STEPS[at + 1], (title) => t("Next: {step}", { step: title }));
  document.title = `${titleOf(here)} · ${now().values["device.name"]} · edge`;
}

function onward(id, step, text) {
  $(id).hidden = !step;
  if (!step) return;
  $(id).href = `#${step}`;
  say($(id), text(titleOf(step)));
}
