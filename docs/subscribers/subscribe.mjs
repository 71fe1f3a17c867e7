// Prints every window of every room once: npm install mqtt; node subscribe.mjs [mqtt://HOST:PORT]
import mqtt from "mqtt";

const REASONS = {
  few_people: "too few people", few_near: "too few near enough", few_front: "too few face the camera", short: "window too short",
};
const ADJECTIVES = { disgust: "disgusted", fear: "afraid", surprise: "surprised" }; // the others are ones already

// Faces, and shares of emotions: the estimate, else counts over named faces. Withheld is not told, never zero.
function describe({ frames, faces, counts, estimate, withheld }) {
  const reason = withheld ? `not told (${REASONS[withheld.reason] ?? withheld.reason})` : "";
  if (frames === 0) return "nothing was seen"; // whatever the reason says, nobody knows how many people there were
  if (faces.mean === null) return reason;
  const total = `${faces.mean.toFixed(1)} faces`;
  if (counts === null) return `${total}  ${reason}`.trimEnd();
  const named = Object.entries(counts).filter(([label]) => label !== "unknown");
  const sum = named.reduce((all, [, n]) => all + n, 0);
  let shares = sum ? named.map(([label, n]) => [label, n / sum]) : [];
  if (estimate) shares = Object.entries(estimate).map(([label, { share }]) => [label, share]);
  const basis = !shares.length ? "no named faces" : estimate ? "estimated" : "counted";
  return [total, ...shares.map(([label, share]) => `${ADJECTIVES[label] ?? label} ${(100 * share).toFixed(0)} %`), basis].join("  ");
}

// What a window is known by in its room, and its line. Throws whatever is wrong with it.
function read(room, payload) {
  const window = JSON.parse(payload);
  const { epoch, seq, window: { start, end } } = window;
  // What is remembered of each window is short, whatever a room sends.
  if (!/^[0-9a-f]{8}$/.test(epoch) || !/^[0-9T:.Z-]{24}$/.test(start)) throw new Error();
  if (!Number.isInteger(seq) || seq < 1 || seq > 1e9) throw new Error();
  const line = `${new Date(end).toISOString()} ${room} ${describe(window)}`;
  if (window.device !== room || /\p{C}|\p{Zl}|\p{Zp}/u.test(line)) throw new Error(); // a line break would begin the line of another room
  return [`${epoch}/${seq}/${start}`, line];
}

const seen = new Map(); // of each room
const client = mqtt.connect(process.argv[2] ?? "mqtt://127.0.0.1:1883", { protocolVersion: 5 });
client.on("error", (error) => console.error(`${error}`));
client.on("message", (topic, payload) => {
  const room = topic.split("/")[1]; // the broker vouches for the topic alone
  let identity, line;
  try {
    [identity, line] = read(room, payload);
  } catch { // one room's message, whatever it is, does not end the others
    return console.error(`${room}: left out a message that is no window of this room`);
  }
  if (!seen.has(room)) seen.set(room, new Set());
  const known = seen.get(room);
  if (known.has(identity)) return;
  known.add(identity);
  if (known.size > 1000) known.delete(known.values().next().value);
  console.log(line);
});
client.subscribe("classroom/+/window", { qos: 1 });
