// Text from the network goes into the page here, and only as text.

import { t } from "../shared/texts.js";

export const $ = (id) => document.getElementById(id);

/** An element; properties are set, children are elements or text. */
export function el(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Change the text only where it differs, so that nothing is drawn or read out again for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  node.hidden = !visible;
}

/** Replace the children unless `signature` says that they are the same as last time. */
export function fill(node, signature, make) {
  if (node.dataset.signature === signature) return;
  node.dataset.signature = signature;
  node.replaceChildren(...make());
}

/** A table of a model: `columns` are {key, title, show}, `rows` are objects; a name in place of a title is shown as it is. */
export function table(model, caption) {
  const head = el("tr", {}, ...model.columns.map((column) => el("th", { scope: "col" }, column.name ?? t(column.title))));
  const body = model.rows.map((row) =>
    el("tr", {}, ...model.columns.map(({ key, show: format }) => {
      const value = row[key];
      return el("td", {}, value === null || value === undefined ? "–" : format ? format(value) : String(value));
    })));
  return el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...body));
}
