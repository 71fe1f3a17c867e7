// Prints every window of every room once: npm install mqtt; node subscribe.mjs [mqtt://HOST:PORT]
import mqtt from "mqtt";

const REASONS = { few_people: "too few people", few_near: "too few near enough", few_front: "too few face the camera" };
const seen = new Set();
const client = mqtt.connect(process.argv[2] ?? "mqtt://127.0.0.1:1883", { protocolVersion: 5 });
client.on("error", (error) => console.error(`${error}`));
client.on("message", (_topic, payload) => {
  const { device, epoch, seq, window, withheld, people, faces } = JSON.parse(payload);
  const name = `${device}/${epoch}/${seq}`;
  if (seen.has(name)) return;
  seen.add(name);
  if (seen.size > 5000) seen.delete(seen.values().next().value);
  const reason = withheld && `not told (${REASONS[withheld.reason] ?? withheld.reason})`;
  const figures = faces.mean === null ? reason : JSON.stringify(people ?? faces);
  console.log(window.end, device, figures, people === null && faces.mean !== null && reason ? reason : "");
});
client.subscribe("classroom/+/window", { qos: 1 });
