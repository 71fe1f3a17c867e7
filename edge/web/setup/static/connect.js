// The step Connect: broker, password, name of the room; and the round trip that the service would make.
import { get, post } from "./api.js";
import { alone, draft, load, now, settle, settled, value } from "./draft.js";
import { $, announce, el, say } from "./dom.js";
import { goTo, refused } from "./fields.js";
import { report, stepOf } from "./steps.js";
import { list, sentence, t } from "./shared/texts.js";

let rooms = null; // those at the broker, or null when they are not known
let checks = null;
let giving = Promise.resolve(); // a password on its way
let changing = false; // somebody replaces the password
let askedOf = ""; // the broker that `rooms` are of
let notTaken = ""; // why the last password was not
let typedFor = null; // the broker and user that stood beside the password when somebody began to type it

export function startConnect() {
  $("password-form").addEventListener("submit", (event) => {
    event.preventDefault();
    givePassword($("password").value);
  });
  $("password").addEventListener("input", () => { typedFor = $("password").value ? typedFor ?? recipient() : null; });
  $("password").addEventListener("change", () => givePassword($("password").value));
  $("password-change").addEventListener("click", () => {
    changing = true;
    showConnect();
    $("password").focus();
  });
  $("password-none").addEventListener("click", () => givePassword(null));
  $("try").addEventListener("click", tryIt);
  draft.addEventListener("state", showConnect);
  draft.addEventListener("sending", ({ keys }) => { if (keys.some((key) => stepOf(key) === "connect")) forgetChecks(); });
}

/** To whom the server would show a password, and as whose: as the page shows it now. */
function recipient() {
  settle();
  return Object.fromEntries(["mqtt.broker", "mqtt.embedded_port", "mqtt.ca_file", "mqtt.username"].map((key) => [key, now().values[key]]));
}

function givePassword(password) {
  if (password === "") return;
  const beside = typedFor ?? recipient();
  typedFor = null;
  notTaken = "";
  $("password").value = "";
  forgetChecks();
  giving = giving.then(() => deliver(password, beside));
}

/** Resolves once the server has every password that was typed, or has refused it. */
export const given = () => giving;

async function deliver(password, beside) {
  try {
    await settled(); // what stands beside it may still be on its way
    await alone(async () => {
      await post("api/connect/password", { password, recipient: beside, revision: now().revision });
      changing = false;
      await load();
    });
  } catch (error) {
    if (error.status === 409) await load().catch(() => {}); // somebody else may have changed it
    notTaken = error.text;
    showConnect();
  }
}

/** What was tried was another connection. It stays in sight: a page that shrinks moves the button from under the pointer. */
function forgetChecks() {
  if (!checks) return;
  checks = null;
  for (const row of $("checks").children) {
    row.className = "running";
    say(row.querySelector("b"), t("before your last change:"));
  }
  report("connect", "");
}

async function tryIt() {
  $("try").disabled = true;
  $("checks").replaceChildren(el("li", { className: "running" }, t("Trying ...")));
  givePassword($("password").value);
  await given(); // else the server tries what was there before
  await settled();
  const wrong = refused().find(({ key }) => stepOf(key) === "connect");
  if (wrong) {
    checks = [{ status: "failed", text: t("{field}: {problem}", wrong), remedy: wrong.remedy }];
    showChecks();
    goTo(wrong.key);
    $("try").disabled = false;
    return;
  }
  try {
    checks = (await post("api/connect/try", { revision: now().revision })).checks;
    showChecks();
    announce(checks.some((check) => check.status === "failed") ? t("The connection does not work yet.") : t("The connection works."));
    await askRooms(true);
  } catch (error) {
    if (error.status === 409) await load().catch(() => {}); // somebody else has changed it
    checks = [{ status: "failed", text: error.message, remedy: error.remedy }];
    showChecks();
  }
  $("try").disabled = false;
}

/** Which rooms are there already: asked when the step is opened, and after a trial. */
export async function askRooms(again = false) {
  const broker = value("mqtt.broker");
  if (!again && broker === askedOf) return;
  askedOf = broker;
  try {
    ({ rooms } = await get("api/connect/rooms"));
  } catch {
    rooms = null; // the trial says why
  }
  showConnect();
}

export function showConnect() {
  if (!now()) return;
  say($("password-state"), notTaken || ({
    none: t("No password."), given: t("A password is given; it is stored when you save."), stored: t("A password is stored. It is never shown."),
    again: t("The password is for another broker or user, and goes to no other: type it again."),
  }[now().password] ?? ""));
  const has = ["given", "stored"].includes(now().password);
  $("password-row").hidden = has && !changing;
  $("password-set").hidden = !has || changing;
  const name = value("device.name");
  const taken = rooms?.includes(name);
  $("rooms").classList.toggle("warn", Boolean(taken));
  say($("rooms"), !rooms ? "" : taken ? t("There is a room “{name}” at this broker already. If it is another device, choose another name.", { name })
    : rooms.length ? t("Free. Already there: {rooms}.", { rooms: list(rooms.slice(0, 20)) }) : t("Free. No other room is at this broker."));
}

export function showChecks() {
  if (!checks) return;
  report("connect", checks.some((check) => check.status === "failed") ? "problem" : "done");
  const words = { ok: t("ok"), warning: t("look at this"), failed: t("failed") };
  $("checks").replaceChildren(...checks.map((check) => el("li", { className: check.status },
    el("b", {}, words[check.status] ?? check.status), " ", sentence(check.text), ...(check.remedy ? [el("span", { className: "remedy" }, sentence(check.remedy))] : []))));
}
