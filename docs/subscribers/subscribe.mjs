// Prints every window of every room once: npm install mqtt; node subscribe.mjs [mqtt://HOST:PORT]
import mqtt from "mqtt";

const REASONS = {
  few_people: "too few people", few_near: "too few near enough", few_front: "too few face the camera", short: "window too short",
};
const ADJECTIVES = { disgust: "disgusted", fear: "afraid", surprise: "surprised" }; // the others are ones already

// Faces, and shares of emotions: the estimate, else counts over named faces. Withheld is not told, never zero.
function describe({ faces, counts, estimate, withheld }) {
  const reason = withheld ? `not told (${REASONS[withheld.reason] ?? withheld.reason})` : "";
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

const seen = new Set();
const client = mqtt.connect(process.argv[2] ?? "mqtt://127.0.0.1:1883", { protocolVersion: 5 });
client.on("error", (error) => console.error(`${error}`));
client.on("message", (_topic, payload) => {
  const window = JSON.parse(payload);
  const name = `${window.device}/${window.epoch}/${window.seq}`;
  if (seen.has(name)) return;
  seen.add(name);
  if (seen.size > 5000) seen.delete(seen.values().next().value);
  console.log(window.window.end, window.device, describe(window));
});
client.subscribe("classroom/+/window", { qos: 1 });
