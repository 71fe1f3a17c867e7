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
 * A picture, a place and a broker are tried; masks and answers are set. Where nothing has to be, it is enough that
 * somebody has looked, but that is not done; so it is with the broker inside the device, which nobody has to reach.
 */
function stateOf(step, visited, wrong) {
  if (wrong.has(step)) return "problem";
  const own = ["mask", "answer"].includes(step);
  const looked = (own || (step === "connect" && value("mqtt.broker") === "embedded")) && visited.includes(step);
  return results.get(step) || (own && isSet(step) ? "done" : looked ? "looked" : "");
}

/** Whether anything of a step is other than where nobody sets it; only Heads the page chooses by itself. */
const isSet = (step) => Object.keys(now().values).some((key) => stepOf(key) === step
  && JSON.stringify(value(key)) !== JSON.stringify(now().defaults[key]) && !(key === "mode" && value(key) === "headcount"));

export function showSteps() {
  const here = current();
  const visited = seen();
  const wrong = new Set([...now().problems, ...refused()].map((problem) => stepOf(problem.key ?? "")));
  if (now().masks_confirmed === false) wrong.add("mask");
  $("steps").replaceChildren(...STEPS.map((step, index) => {
    const state = stateOf(step, visited, wrong);
    const mark = { problem: "!", done: "✓", looked: "•" }[state] ?? (step === "save" ? "→" : String(index + 1));
    const words = { problem: t("something to do"), done: t("done"), looked: t("looked at") }[state];
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
