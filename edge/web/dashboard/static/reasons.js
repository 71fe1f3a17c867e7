// Why there are no windows: what a room and the server's link to the broker did over time.

const ABSORB_MS = 20000; // a device that vanished is called offline 10 s later; one that is back needs a window's time

/** The changes of a room and of the link, oldest first, each with the state from then on: {from, state, reason}. */
function timeline(room, links, started) {
  const changes = [
    ...room.marks.map(([at, word, reason]) => ({ at, word, reason })),
    ...links.map(([at, connected]) => ({ at, connected })),
    { at: started, word: "started" },
  ].sort((a, b) => a.at - b.at);
  let online = true, mode = "running", because = "", connected = true, begun = false;
  return changes.map(({ at, word, reason, connected: link }) => {
    if (link !== undefined) connected = link;
    else if (word === "started") begun = true;
    else if (word === "online" || word === "offline") online = word === "online";
    else [mode, because] = [word, reason];
    if (mode === "paused" || mode === "camera_lost") {
      if (online) return { from: at, state: mode, reason: because };
    }
    if (!connected) return { from: at, state: "unheard", reason: "this page's server had lost the broker" };
    return { from: at, state: !online ? "offline" : begun ? "silent" : "before", reason: "" };
  });
}

/** Cut a gap where its reason changes: a list of {start, end, state, reason} that covers it. */
export function explain(start, end, room, links, started) {
  const parts = [];
  let at = start, now = { state: "before", reason: "" };
  const until = (to) => {
    if (to <= at) return;
    const last = parts.at(-1);
    if (last && last.state === now.state && last.reason === now.reason) last.end = to;
    else parts.push({ start: at, end: to, state: now.state, reason: now.reason });
    at = to;
  };
  for (const change of timeline(room, links, started)) {
    until(Math.min(change.from, end));
    now = change;
  }
  until(end);
  return absorb(parts);
}

const vague = ({ state }) => state === "silent" || state === "before";

/** A short time without a reason belongs to what is beside it. */
function absorb(parts) {
  const kept = [];
  parts.forEach((part, at) => {
    const next = parts[at + 1], last = kept.at(-1);
    if (!vague(part) || part.end - part.start > ABSORB_MS) kept.push(part);
    else if (next && !vague(next)) next.start = part.start;
    else if (last) last.end = part.end;
    else kept.push(part);
  });
  return kept;
}
