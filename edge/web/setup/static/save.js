// The last step: what is still to do, what changes in the file, and what happens once it is saved.
import { download, get, post } from "./api.js";
import { given } from "./connect.js";
import { draft, load, now, settled } from "./draft.js";
import { $, announce, el, say } from "./dom.js";
import { refused } from "./fields.js";
import { notes } from "./notes.js";
import { sentence, t } from "./shared/texts.js";
import { stepOf, titleOf } from "./steps.js";

let saved = null;

export function startSave() {
  $("save").addEventListener("click", save);
  $("export").addEventListener("click", ({ currentTarget }) => give(currentTarget, "api/export", "config.yaml"));
  $("support").addEventListener("click", ({ currentTarget }) => give(currentTarget, "api/support", "edge-support.txt"));
  for (const event of ["state", "refused", "sending"]) draft.addEventListener(event, showProblems);
}

export async function openSave() {
  await settled();
  showProblems();
  await difference();
}

export function showProblems() {
  const { file, can_restart: canRestart } = now();
  const problems = [...now().problems, ...refused().map((each) => ({ ...each, problem: t("{field}: {problem}", each) }))];
  const row = (status, { key, problem, remedy }) => el("li", { className: status },
    el("a", { href: `#${stepOf(key ?? "")}` }, titleOf(stepOf(key ?? ""))), " ", sentence(problem),
    ...(remedy ? [el("span", { className: "remedy" }, sentence(remedy))] : []));
  const rows = [...problems.map((problem) => row("failed", problem)), ...notes().map((note) => row("warning", note))];
  $("problems").replaceChildren(...(rows.length ? rows : [el("li", { className: "ok" }, t("Nothing: the service can start with these settings."))]));
  say($("file"), t("File: {file}", { file }));
  $("restart-row").hidden = !canRestart;
  $("save").disabled = problems.length > 0;
}

async function give(button, path, name) {
  button.disabled = true; // the support file asks the broker, which may take its time
  say($("download-said"), "");
  try {
    await download(path, name);
  } catch (error) {
    say($("download-said"), error.text);
  }
  button.disabled = false;
}

async function difference() {
  try {
    const { difference: text } = await get("api/difference");
    const lines = text.split("\n").filter((line) => !/^(---|\+\+\+) /.test(line));
    $("difference").replaceChildren(...(text.trim() ? lines.map((line) => el("span", { className: { "+": "added", "-": "removed", "@": "where" }[line[0]] ?? "" }, `${line}\n`))
      : [t("Nothing has changed.")]));
  } catch (error) {
    $("difference").replaceChildren(error.text);
  }
}

async function save() {
  $("save").disabled = true;
  await given();
  await settled();
  if (refused().length) return showProblems();
  try {
    const told = await post("api/save", { revision: now().revision, restart: now().can_restart && $("restart").checked });
    saved = told;
    await load();
    await difference();
    showSaved();
    announce(t("Saved in {file}.", { file: told.saved }));
  } catch (error) {
    saved = null;
    if (error.status) await load().then(difference).catch(() => {}); // somebody else may have changed it
    $("save-said").replaceChildren(el("p", { className: "problem" }, error.text));
  }
  showProblems();
}

export function showSaved() {
  if (!saved) return;
  $("save-said").replaceChildren(...[
    t("Saved in {file}.", { file: saved.saved }),
    saved.backup ? t("What was there before is in {file}.", { file: saved.backup }) : "",
    saved.restarted ? t("The service runs with it now.") : "",
    sentence(saved.next),
  ].filter(Boolean).map((text) => el("p", { className: "said good" }, text)));
}
