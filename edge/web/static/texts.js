// One catalogue for all texts: English in the source, other languages from the server. Numbers go by the language.

import { insist } from "./insist.js";

let catalogue = { language: "en", languages: { en: "English" }, texts: {}, plurals: [] };
let number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Load the language of ?language=, else the best of the browser's; `refused` is called each time that it does not come. */
export async function loadTexts(refused) {
  const asked = new URLSearchParams(location.search).get("language");
  const wanted = [asked, ...navigator.languages].filter(Boolean).slice(0, 8).join(",");
  use(await insist(async () => {
    const answer = await fetch(`api/texts?language=${encodeURIComponent(wanted)}`);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }, refused));
}

/** Change the language of the page as it stands, and of its address. */
export async function speak(tag) {
  const answer = await fetch(`api/texts?language=${encodeURIComponent(tag)}`);
  if (!answer.ok) return;
  use(await answer.json());
  const address = new URL(location.href);
  address.searchParams.set("language", tag);
  history.replaceState(null, "", address);
}

export const language = () => catalogue.language;
export const languages = () => catalogue.languages;

/** The value of a key that may be a stranger's word, such as `constructor`, which every object inherits. */
export const own = (map, key) => (Object.hasOwn(map, key) ? map[key] : undefined);

/** A text with its {placeholders} filled in. */
export function t(text, values = {}) {
  const found = own(catalogue.texts, text) ?? text;
  return fill(Array.isArray(found) ? found[0] : found, values);
}

/** A text that is translated later, each time it is shown. */
export const mark = (text) => text;

/** The plural form that belongs to n, which is also {n}. */
export function tn(one, many, n, values = {}) {
  const forms = own(catalogue.texts, one);
  const table = catalogue.plurals;
  const index = n < table.length ? table[n] : table[100 + n % 100];
  return fill(Array.isArray(forms) ? forms[index] : n === 1 ? one : many, { n, ...values });
}

/** What the server says: a text, or {text, values}. */
export function sentence(said) {
  if (!said) return "";
  return typeof said === "string" ? t(said) : t(said.text, said.values);
}

/** A problem of the draft with what to do about it. */
export const withRemedy = ({ problem, remedy }) => [sentence(problem), sentence(remedy)].filter(Boolean).join(": ");

export const percent = (share) => new Intl.NumberFormat(catalogue.language, { style: "percent" }).format(share);
export const decimal = (value, digits = 1) =>
  new Intl.NumberFormat(catalogue.language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
export const weekday = (index, style = "short") => // 0 is Monday; 1 January 2024 was one
  new Intl.DateTimeFormat(catalogue.language, { weekday: style, timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, 1 + index)));
export const clock = (minutes) => // 24:00 stands for the end of a day
  `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
export const list = (words) => new Intl.ListFormat(catalogue.language, { type: "conjunction" }).format(words);

/** Write the texts of index.html: of elements with data-t, and of the attributes that data-t-attributes names. */
export function translatePage() {
  for (const node of document.querySelectorAll("[data-t]")) write(node, "", node.textContent, (text) => { node.textContent = text; });
  for (const node of document.querySelectorAll("[data-t-attributes]")) {
    for (const name of node.dataset.tAttributes.split(" ")) write(node, name, node.getAttribute(name), (text) => node.setAttribute(name, text));
  }
  document.documentElement.lang = catalogue.language;
}

const originals = new WeakMap(); // element -> {attribute or "" for its text: English}

function write(node, name, found, set) {
  if (!originals.has(node)) originals.set(node, {});
  const english = originals.get(node)[name] ??= found.trim().replace(/\s+/g, " ");
  set(t(english));
}

function use(loaded) {
  catalogue = loaded;
  number = new Intl.NumberFormat(loaded.language, { maximumFractionDigits: 1 });
}

const BEFORE_UNIT = /([0-9]) (?=(?:%|°C|[GM]B|ms|s|min|h|d|days?|fps)(?![A-Za-z0-9]))/g;

/** Text in which no line ends between a number and its unit: "14 %", "5 min". The same as edge/text.py, keep_units. */
export const keepUnits = (text) => text.replaceAll(BEFORE_UNIT, "$1\u00a0");

function fill(text, values) {
  return keepUnits(text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = own(values, name);
    return value === undefined ? whole : typeof value === "number" ? number.format(value) : value;
  }));
}
