// Questions to the server; a refusal becomes an exception with a problem and a remedy.
import { sentence, t } from "./shared/texts.js";

export class Refused extends Error {
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

export const get = (path) => ask(path, {});
export const post = (path, body = {}) => ask(path, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Edge-Setup": "1" },
  body: JSON.stringify(body),
});

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, { problem: t("No connection to edge setup."), remedy: t("It ends after ten minutes without an open page: start it again.") });
  }
  const text = await answer.text();
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    told = { problem: text.trim() };
  }
  if (!answer.ok) throw new Refused(answer.status, told.problem ? told : { problem: t("The server answered {status}.", { status: String(answer.status) }) });
  return told;
}
