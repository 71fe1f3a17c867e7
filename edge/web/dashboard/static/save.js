// What is on screen as a file: the same rows as in the table, without a way through the server.

const isNumber = (value) => typeof value === "number";

/** A cell: spreadsheets must not take a name for a formula. */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (isNumber(value)) return String(value);
  const text = String(value).replace(/(^|[;\t\r])(?=[=+\-@\t\r])/g, "$1'"); // also where some end a cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(model) {
  const lines = [model.columns.map(({ key }) => cell(key))];
  for (const row of model.rows) lines.push(model.columns.map(({ key }) => cell(row[key])));
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

export function json(model, now) {
  const rows = model.rows.map((row) => Object.fromEntries(model.columns.map(({ key }) => [key, row[key] ?? null])));
  return `${JSON.stringify({ saved: new Date(now).toISOString(), ...model.about, rows }, null, 1)}\n`;
}

export function save(text, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function fileName(view, room, now, ending) {
  const name = room ? `-${room.replaceAll(/[^\w.-]/g, "_")}` : "";
  return `edge-${view}${name}-${new Date(now).toISOString().slice(0, 19).replaceAll(":", "-")}.${ending}`;
}

/** Numbers as they are shown, not with digits that mean nothing. */
export const rounded = (number, digits = 3) => (isNumber(number) ? Number(number.toFixed(digits)) : null);
export const iso = (ms) => new Date(ms).toISOString();
