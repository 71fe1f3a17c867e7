// Questions to the server; a refusal becomes an exception with a problem and a remedy.
import { sentence, t } from "./shared/texts.js";

class Refused extends Error {
  constructor(status, told) {
    super(sentence(told.problem));
    this.status = status;
    this.remedy = sentence(told.remedy);
    this.key = told.key ?? null;
  }

  get text() {
    return [this.message, this.remedy].filter(Boolean).join(": ");
  }
}

// What only a script of this page can send: no link, picture or page from elsewhere.
export const OURS = { "X-Edge-Setup": "1" };

export const get = (path) => ask(path, {});
export const post = (path, body = {}) => ask(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** Save an answer as a file: a link could not send our header. */
export async function download(path, name) {
  const text = await textOf(path, {});
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function ask(path, options) {
  return JSON.parse(await textOf(path, options));
}

async function textOf(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...OURS, ...options.headers } });
  } catch {
    throw new Refused(0, { problem: t("No connection to edge setup."), remedy: t("It ends after ten minutes without an open page: start it again.") });
  }
  const text = await answer.text();
  if (answer.ok) return text;
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    told = { problem: text.trim() };
  }
  throw new Refused(answer.status, told.problem ? told : { problem: t("The server answered {status}.", { status: String(answer.status) }) });
}
