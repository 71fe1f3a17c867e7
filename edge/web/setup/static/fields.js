// Inputs with data-key follow the draft and change it; what is wrong with a key is said beside its input.
import { draft, change, now, value, problemsOf } from "./draft.js";
import { el } from "./dom.js";
import { t, withRemedy } from "./texts.js";

const refusals = new Map(); // key -> Refused of a value that the draft did not take

export function bindFields() {
  for (const input of document.querySelectorAll("[data-key]")) {
    const typed = input.matches("input[type=text], input[type=number], input:not([type])");
    let timer = 0;
    const take = () => {
      clearTimeout(timer);
      const given = read(input);
      if (JSON.stringify(given ?? null) === JSON.stringify(value(input.dataset.key) ?? null) && !refusals.has(input.dataset.key)) return;
      refusals.delete(input.dataset.key);
      change({ [input.dataset.key]: given });
    };
    input.addEventListener("change", take);
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

function read(input) {
  if (input.type === "checkbox") return input.checked;
  const text = input.value.trim();
  if (input.dataset.kind === "number") return text === "" || Number.isNaN(Number(text)) ? undefined : Number(text);
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
  if (note.textContent !== text) note.textContent = text;
  note.hidden = !text;
  input.setAttribute("aria-invalid", String(Boolean(text) && !place));
}
