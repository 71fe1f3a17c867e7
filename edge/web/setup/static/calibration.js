// Half a minute in the real room: what this camera will and will not tell. The numbers are kept only when asked.
import { get, post } from "./api.js";
import { load, now, settled } from "./draft.js";
import { $, announce, el, say } from "./dom.js";
import { sentence, t } from "./shared/texts.js";

const EVERY = 700; // milliseconds
let result = null;
let measured = 0; // which measurement the numbers are of
let watching = false;

export function startCalibration() {
  $("place-start").addEventListener("click", async () => {
    try {
      await settled(); // it is measured with what is set
      show(await post("api/place/start", { revision: now().revision }));
      announce(t("Measuring for half a minute."));
      watch();
    } catch (error) {
      await anew(error);
      refuse(error);
    }
  });
  $("place-keep").addEventListener("click", async () => {
    try {
      await settled();
      await post("api/place/keep", { revision: now().revision, measurement: measured });
      say($("place-kept"), t("Kept."));
    } catch (error) {
      await anew(error);
      say($("place-kept"), error.text);
    }
  });
  watch();
}

/** What somebody else has changed, has measured, or measures now is shown from now on. */
async function anew(error) {
  const stale = error.status === 409;
  if (stale) await load().catch(() => {});
  const told = await get("api/place").catch(() => null);
  if (!told || !(stale || told.state === "running")) return;
  show(told);
  watch();
}

async function watch() {
  if (watching) return;
  watching = true;
  try {
    for (;;) {
      const told = await get("api/place");
      show(told);
      if (told.state !== "running") break;
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  } catch (error) {
    refuse(error);
  }
  watching = false;
}

function refuse(error) {
  if (error.status === 404) return;
  $("place-result").replaceChildren(el("p", { className: "problem" }, error.text));
}

function show(told) {
  const running = told.state === "running";
  $("place-start").disabled = running;
  $("place-progress").hidden = !running;
  $("place-progress").value = told.progress;
  if (running) {
    result = null;
    $("place-result").replaceChildren();
    say($("place-kept"), "");
  } else if (told.result) {
    result = told.result;
    measured = told.measurement;
    showResult();
  }
  $("place-keep-row").hidden = !result || Boolean(result.withheld); // without figures there is nothing to keep
}

export function showResult() {
  if (!result) return;
  const part = (title, status, sentences) => (sentences?.length ? [el("h4", {}, title),
    el("ul", { className: "checks" }, ...sentences.map((each) => el("li", { className: status }, sentence(each))))] : []);
  $("place-result").replaceChildren(
    ...part(t("What it will tell"), "ok", result.will),
    ...part(t("What it will not tell"), "failed", result.will_not),
    ...(result.source ? [el("p", { className: "small" }, sentence(result.source))] : []));
}
