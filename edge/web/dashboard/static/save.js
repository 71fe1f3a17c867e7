// What is on screen as a file: the same rows as in the table, without a way through the server.

const isNumber = (value) => typeof value === "number";

/** A cell: spreadsheets must not take a name for a formula. */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (isNumber(value)) return String(value);
  const text = String(value).replace(/(^|[;\t\r\n])(?="*[=+\-@\t\r])/g, "$1'"); // also where some end a cell, and take off quotes
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A value as files have it. What is shown is rounded from the number itself: rounding twice would make 48.46 % a 49 %. */
function saved({ key, digits }, row) {
  const value = row[key] ?? null;
  return isNumber(value) && digits !== undefined ? rounded(value, digits) : value;
}

export function csv(model) {
  const lines = [model.columns.map(({ key }) => cell(key))];
  for (const row of model.rows) lines.push(model.columns.map((column) => cell(saved(column, row))));
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

export function json(model, now) {
  const rows = model.rows.map((row) => Object.fromEntries(model.columns.map((column) => [column.key, saved(column, row)])));
  return `${JSON.stringify({ saved: new Date(now).toISOString(), ...model.about, rows }, null, 1)}\n`;
}

export function save(text, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** `edge-lesson-room-1-2026-11-20-1st_period.csv`; `of` names what the file holds, or is a moment. */
export function fileName(view, room, of, ending) {
  const safe = (text) => text.replaceAll(/[^\p{L}\p{N}_.-]+/gu, "_");
  return `${["edge", view, room, of].filter(Boolean).map(safe).join("-")}.${ending}`;
}

/** Numbers as they are shown, not with digits that mean nothing. */
export const rounded = (number, digits = 3) => (isNumber(number) ? Number(number.toFixed(digits)) : null);
export const iso = (ms) => new Date(ms).toISOString();
