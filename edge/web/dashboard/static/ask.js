// What the page asks its server about the past.

import { t, withRemedy } from "../shared/texts.js";

export const SOON_MS = 5000; // after which it is asked again where something was refused, or goes on
export const AGAIN_MS = 15000; // and anything else: windows come late, and some are deleted

/**
 * {told}, or {problem} where the server says one, and whether it may pass by itself; it throws where somebody else
 * answers, as a proxy while it restarts.
 */
export async function ask(address) {
  const answer = await fetch(address);
  if (answer.status === 404) return { problem: t("Nothing was recorded here.") };
  const told = await answer.json();
  return answer.ok ? { told } : { problem: withRemedy(told), passing: answer.status === 503 };
}
