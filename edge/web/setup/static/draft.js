// The draft as the server has it, and the changes on their way to it: one request at a time, the newest values last.
import { get, post } from "./api.js";
import { mark } from "./shared/texts.js";

const QUIET = 400; // milliseconds without another change before it is sent

export const draft = new EventTarget();
// Events: "state" (a new state is here), "sending", "saved", "refused" (detail: Refused), "overtaken",
// "settling" (whoever holds back what is being typed changes the draft now)
let state = null;
let pending = {};
let beside = {}; // what stood beside an address while it was typed: who may answer at it
let timer = 0;
let busy = null;

export const now = () => state;
export const value = (key) => (key in pending ? pending[key] : state.values[key]);
export const problemsOf = (test) => state.problems.filter((problem) => test(problem.key ?? ""));

export async function load() {
  adopt(await get("api/state"));
}

/** Set keys; undefined takes a key out, so that its default holds. With an address comes who may answer at it. */
export function change(values, recipient = beside) {
  beside = recipient;
  Object.assign(pending, values);
  for (const [key, given] of Object.entries(values)) state.values[key] = given === undefined ? state.defaults[key] : given;
  tell("sending", null, Object.keys(values));
  clearTimeout(timer);
  timer = setTimeout(send, QUIET);
}

/** What is still being typed counts from now on. */
export function settle() {
  tell("settling");
}

/** Resolves once the server has all changes, or has refused them. */
export async function settled() {
  settle();
  clearTimeout(timer);
  await send();
}

/** What gives the draft another revision in another way: no change is on its way meanwhile. */
export async function alone(work) {
  while (busy) await busy;
  const done = work();
  busy = done.catch(() => {});
  await busy;
  busy = null;
  return done;
}

async function send() {
  while (busy) await busy;
  if (!Object.keys(pending).length) return;
  const sent = pending;
  pending = {};
  busy = deliver(sent);
  await busy;
  busy = null;
  if (Object.keys(pending).length && !timer) await send();
}

async function deliver(sent) {
  timer = 0;
  const set = Object.fromEntries(Object.entries(sent).filter(([, given]) => given !== undefined));
  const unset = Object.keys(sent).filter((key) => sent[key] === undefined);
  try {
    adopt(await post("api/change", { revision: state.revision, set, unset, recipient: beside }));
    tell("saved");
  } catch (error) {
    if (error.status === 409) {
      pending = {};
      await load().catch(() => {});
      tell("overtaken");
    } else {
      tell("refused", error, Object.keys(sent));
      if (error.status) await load().catch(() => {}); // what was refused is not shown as if it held
      else pending = { ...sent, ...pending }; // no connection: it goes with the next change
    }
  }
}

function adopt(fresh) {
  state = { ...fresh, problems: fresh.problems.map((problem) => plain(problem, fresh.values)) };
  for (const [key, given] of Object.entries(pending)) state.values[key] = given === undefined ? state.defaults[key] : given;
  tell("state");
}

/** The one problem that everybody meets, in the words of the page, and at the key where it is mended. */
function plain(problem, values) {
  const declared = values["deployment.responsible"]?.trim() && values["deployment.legal_basis"]?.trim();
  if (problem.key !== "camera.source" || declared || values.mode === "headcount") return problem;
  return {
    key: values["deployment.responsible"]?.trim() ? "deployment.legal_basis" : "deployment.responsible",
    problem: mark("With a live camera, somebody has to answer for directions and expressions, on a legal basis"),
    remedy: mark("fill in both, or choose Heads."),
  };
}

function tell(type, detail, keys) {
  draft.dispatchEvent(Object.assign(new CustomEvent(type, { detail }), { keys }));
}
