// What a page cannot do without is asked for until it comes: a server may be too busy, and a network comes and goes.

export const SOON_MS = 5000; // after which what was refused is asked for again

/** What `ask` promises, begun anew as long as it fails; `refused` is called each time that it has. */
export async function insist(ask, refused = () => {}) {
  for (;;) {
    try {
      return await ask();
    } catch {
      refused();
      await new Promise((resolve) => { setTimeout(resolve, SOON_MS); });
    }
  }
}
