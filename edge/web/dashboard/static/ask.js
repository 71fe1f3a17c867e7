// What the page asks its server about the past: every answer belongs to its question, and what was refused is asked again.

import { SOON_MS } from "../shared/insist.js";
import { t, withRemedy } from "../shared/texts.js";

export { SOON_MS };
export const AGAIN_MS = 15000; // after which anything is asked again: windows come late, and some are deleted
const LATE_MS = 30000; // after which it is said that what was told before is told no more

/** {told}, or {problem} where there is none, and whether it may pass by itself. */
async function answerTo(address) {
  try {
    const answer = await fetch(address);
    if (answer.status === 404) return { problem: t("Nothing was recorded here.") };
    const told = await answer.json();
    if (answer.ok) return { told };
    if (told.problem) return { problem: withRemedy(told), passing: answer.status === 503 };
  } catch { /* nobody answers */ }
  // Or somebody else does, as a proxy while the server restarts.
  return { problem: t("The server of this page does not answer."), passing: true };
}

/** A question of a view, which changes with the address of the page, and what the server last said to it. */
export class Question {
  #asking = "";
  #known = null; // {address, told, problem, asked, heard}; times by performance.now()

  /** {told, problem} of an address: what was told stays while an answer is refused; null before the first answer. */
  of(address) {
    if (this.#known?.address !== address) return null;
    const { told, problem, heard } = this.#known;
    return { told, problem: told && performance.now() - heard < LATE_MS ? "" : problem };
  }

  /**
   * Ask, beside all drawing; true when there is now something to draw.
   * @param address of the question
   * @param after milliseconds that an answer is good for
   * @param known what of it is shown, which the server need not tell again
   */
  async ask(address, after = AGAIN_MS, known = "") {
    const before = this.#known?.address === address ? this.#known : null, asked = performance.now();
    if (this.#asking === address || (before && asked - before.asked < (before.problem ? SOON_MS : after))) return false;
    this.#asking = address;
    const { told = null, problem = "", passing = false } = await answerTo(address + known);
    if (this.#asking !== address) return false; // another one was asked for meanwhile
    this.#asking = "";
    const stays = passing || told?.unchanged;
    this.#known = { address, told: stays ? before?.told ?? null : told, problem, asked, heard: problem ? before?.heard : asked };
    return true;
  }

  /** Ask again with the next opportunity. */
  again() {
    if (this.#known) this.#known.asked = -Infinity;
  }
}
