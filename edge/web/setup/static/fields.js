// Inputs with data-key follow the draft and change it; what is wrong with a key is said beside its input.
import { draft, change, now, value, problemsOf } from "./draft.js";
import { el, say } from "./dom.js";
import { t, withRemedy } from "./shared/texts.js";

const refusals = new Map(); // key -> Refused of a value that the draft did not take

export function bindFields() {
  for (const input of document.querySelectorAll("[data-key]")) {
    const typed = input.matches("input[type=text], input[type=number], input:not([type])");
    let timer = 0;
    const take = () => {
      clearTimeout(timer);
      timer = 0;
      const given = read(input);
      if (JSON.stringify(given ?? null) === JSON.stringify(value(input.dataset.key) ?? null) && !refusals.has(input.dataset.key)) return;
      refusals.delete(input.dataset.key);
      change({ [input.dataset.key]: given });
    };
    input.addEventListener("change", take);
    draft.addEventListener("settling", () => { if (timer) take(); });
    if (typed) input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(take, 700);
    });
  }
  draft.addEventListener("state", () => show());
  draft.addEventListener("overtaken", () => { // what is being typed, too: it was typed beside other settings
    refusals.clear();
    show(true);
  });
  draft.addEventListener("refused", (event) => {
    const key = event.detail.key ?? (event.keys.length === 1 ? event.keys[0] : null);
    if (key) refusals.set(key, event.detail);
    show();
  });
  show();
}

/** What the draft did not take: {key, problem, remedy, field}, the field as the page calls it. */
export const refused = () => [...refusals].map(([key, { message, remedy }]) => ({ key, problem: message, remedy, field: labelOf(key) }));

/** Go to the input of a key. */
export function goTo(key) {
  document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

const labelOf = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.labels?.[0]?.textContent.trim() ?? "";

function read(input) {
  if (input.type === "checkbox") return input.checked;
  const text = input.value.trim();
  if (input.dataset.kind === "number") return text === "" || Number.isNaN(Number(text)) ? undefined : Number(text);
  if (input.dataset.kind === "broker" && text && text !== "embedded" && !text.includes("://")) {
    return `${/:8883$/.test(text) ? "mqtts" : "mqtt"}://${text}`; // what everybody types
  }
  return text === "" ? undefined : text;
}

export function show(all = false) {
  for (const input of document.querySelectorAll("[data-key]")) {
    const key = input.dataset.key;
    const given = value(key);
    const busy = !all && input === document.activeElement && input.type !== "checkbox" && input.tagName !== "SELECT";
    if (input.type === "radio") input.checked = String(given) === input.value;
    else if (input.type === "checkbox") input.checked = Boolean(given);
    else if (!busy && !refusals.has(key)) input.value = given ?? "";
    input.disabled = key in (now().overridden ?? {});
    if (input.type !== "radio") problems(input, key);
  }
}

/** What is wrong with the key of an input, below it. */
function problems(input, key) {
  const refused = refusals.get(key);
  const place = now().overridden?.[key];
  const text = place ? t("{place} decides this, and stands above the file.", { place })
    : refused ? refused.text : problemsOf((name) => name === key).map(withRemedy).join(" ");
  const id = `problem-${key.replace(/\W/g, "-")}`;
  let note = document.getElementById(id);
  if (!note && !text) return;
  if (!note) {
    note = el("p", { id, className: "problem" });
    const holder = input.closest(".field");
    if (holder) holder.append(note);
    else input.closest("label").after(note);
    input.setAttribute("aria-describedby", [input.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
  }
  if (note.dataset.said !== text) {
    note.dataset.said = text;
    say(note, text);
    const suggestion = refused && suggested(refused.text, input);
    if (suggestion) note.append(" ", suggestion);
  }
  note.hidden = !text;
  input.setAttribute("aria-invalid", String(Boolean(text) && !place));
}

/** A button with the value of the list that was probably meant; null where there is none. */
function suggested(said, input) {
  const typed = input.value.trim().toLowerCase();
  const values = [...(input.list?.options ?? [])].map((option) => option.value);
  const meant = values.find((given) => typed && given.toLowerCase().split("/").at(-1) === typed.replaceAll(" ", "_"))
    ?? values.find((given) => said.includes(given));
  if (!meant) return null;
  const button = el("button", { type: "button" }, t("Take {value}", { value: meant }));
  button.addEventListener("click", () => {
    input.value = meant;
    input.dispatchEvent(new Event("change"));
  });
  return button;
}
