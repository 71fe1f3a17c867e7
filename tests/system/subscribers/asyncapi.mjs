// The AsyncAPI document, read by the official parser: node asyncapi.mjs PACKAGES FILE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, file] = process.argv.slice(2);
const { Parser } = createRequire(`${packages}/package.json`)("@asyncapi/parser");
const NOTE = 2; // errors are 0, warnings 1

async function complaints(text) {
  const { document, diagnostics } = await new Parser().parse(text);
  const found = diagnostics.filter(({ severity }) => severity < NOTE);
  return [document, found.map(({ path, message }) => `${path.join(".")}: ${message}`)];
}

const text = readFileSync(file, "utf8");
const [document, found] = await complaints(text);
// It must be able to complain: about a quality of service that MQTT does not have, and a channel that is not there.
// (The examples are checked by tests/unit/contract/test_asyncapi.py; this parser does not look at them.)
for (const [good, bad] of [['"qos": 1', '"qos": 7'], ["#/channels/window", "#/channels/widow"]]) {
  const [, broken] = await complaints(text.replace(good, bad));
  if (!text.includes(good) || broken.length === 0) found.push(`${bad} was not noticed`);
}
if (found.length > 0) {
  console.error(`FAILED: ${found.join("\n")}`);
  process.exit(1);
}
const count = [document.channels(), document.operations(), document.messages()].map((all) => all.all().length);
console.log(`asyncapi ${document.version()}: passed (${count[0]} channels, ${count[1]} operations, ${count[2]} messages)`);
