// Half a minute in the real room: what this camera will and will not tell. The numbers are kept only when asked.
import { get, post } from "./api.js";
import { $, announce, el, say } from "./dom.js";
import { sentence, t } from "./shared/texts.js";

const EVERY = 700; // milliseconds
let result = null;
let watching = false;

export function startCalibration() {
  $("place-start").addEventListener("click", async () => {
    try {
      show(await post("api/place/start"));
      announce(t("Measuring for half a minute."));
      watch();
    } catch (error) {
      refuse(error);
    }
  });
  $("place-keep").addEventListener("click", async () => {
    try {
      await post("api/place/keep");
      say($("place-kept"), t("Kept."));
    } catch (error) {
      say($("place-kept"), error.text);
    }
  });
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
