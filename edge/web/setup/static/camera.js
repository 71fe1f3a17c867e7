// The step Camera: which one, which way up, how large. What is chosen is opened at once, and kept once it is open.
import { get, post } from "./api.js";
import { draft, change, load, now, settled, value } from "./draft.js";
import { $, el, say } from "./dom.js";
import { turned } from "./polygons.js";
import { forget } from "./shapes.js";
import { sentence, t, tn } from "./shared/texts.js";

const TURNS = ["rotation", "hflip", "vflip"];
const SIZES = [[640, 480], [1280, 720], [1920, 1080], [2304, 1296], [3840, 2160]];
let found = [];
let network = [];
let seen = null; // what the server said of the cameras here
let searched = () => ""; // what is said of the search, in the language of the page
let outcome = () => ""; // and of opening
let typedFor = null; // who may answer at the address, as it stood beside it when somebody began to type it

export function startCamera() {
  $("look-again").addEventListener("click", look);
  $("search").addEventListener("click", search);
  $("address").addEventListener("submit", (event) => {
    event.preventDefault();
    const source = $("source").value.trim();
    if (source) open({ "camera.source": source });
  });
  $("source").addEventListener("input", () => {
    typedFor = $("source").value ? typedFor ?? recipient() : null;
    showCertificate();
  });
  for (const key of ["hflip", "vflip"]) $(key).addEventListener("change", (event) => turn({ [key]: event.target.checked }));
  $("size").addEventListener("change", (event) => {
    const [width, height] = event.target.value.split("x").map(Number);
    open({ "camera.width": width, "camera.height": height });
  });
  draft.addEventListener("state", show);
  draft.addEventListener("refused", ({ detail, keys }) => {
    if (keys.some((key) => /^camera\.(?!masks)/.test(key))) said(detail);
  });
  look();
}

async function look() {
  try {
    const told = await get("api/cameras");
    seen = told;
    found = told.cameras;
    $("search").disabled = Boolean(told.onvif);
    searched = () => (told.onvif ? t("Searching the network needs the library WSDiscovery: {remedy}.", { remedy: sentence(told.onvif) }) : "");
  } catch (error) {
    said(error);
  }
  show();
}

async function search() {
  $("search").disabled = true;
  searched = () => t("Searching for four seconds ...");
  show();
  try {
    network = (await post("api/cameras/search")).cameras;
    const { length } = network;
    searched = () => tn("{n} camera has answered.", "{n} cameras have answered.", length);
  } catch (error) {
    searched = () => error.text;
  }
  $("search").disabled = false;
  show();
}

/** Who may answer at a camera's address, and so hears the password in it: as the page shows it now. */
function recipient() {
  return { "camera.ca_file": now().values["camera.ca_file"] };
}

/** Open the camera with some keys changed; only what opens goes into the draft. */
async function open(changed) {
  const beside = typedFor ?? recipient();
  typedFor = null;
  const wanted = (key) => changed[`camera.${key}`] ?? value(`camera.${key}`);
  $("opened").className = "said";
  outcome = () => t("Opening the camera ...");
  say($("opened"), outcome());
  try {
    await settled(); // what was changed before may still be on its way
    const keys = ["source", "rotation", "hflip", "vflip", "width", "height"];
    const told = await post("api/camera", { ...Object.fromEntries(keys.map((key) => [key, wanted(key)])), recipient: beside, revision: now().revision });
    const [width, height] = told.picture;
    outcome = () => t("Open: {width} × {height} pixels.", { width: String(width), height: String(height) });
    say($("opened"), outcome());
    $("opened").className = "said good";
    change(changed, beside);
  } catch (error) {
    if (error.status === 409) await load().catch(() => {}); // somebody else has changed it
    said(error);
    show();
  }
}

/** Turn the picture, and the polygons on it with it, in one change: what is masked is never seen on the way. */
function turn(changed) {
  const before = Object.fromEntries(TURNS.map((key) => [key, value(`camera.${key}`)]));
  const after = { ...before, ...changed };
  const values = Object.fromEntries(Object.entries(changed).map(([key, given]) => [`camera.${key}`, given]));
  const masks = value("camera.masks") ?? [];
  const area = value("vision.count_area");
  if (masks.length) values["camera.masks"] = masks.map((points) => turned(points, before, after));
  if (area) values["vision.count_area"] = turned(area, before, after);
  forget();
  change(values);
  $("turned").hidden = !masks.length && !area;
}

function said(error) {
  $("opened").className = "said bad";
  outcome = () => error.text;
  say($("opened"), outcome());
}

const kinds = () => ({
  csi: t("ribbon cable"), usb: t("USB"), gstreamer: t("Jetson"), onvif: t("network"), sample: t("drawn, for trying it out"),
});

function show() {
  const source = value("camera.source");
  say($("search-said"), searched());
  say($("opened"), outcome());
  say($("cameras-hint"), sentence(seen?.nothing));
  $("cameras-hint").hidden = !seen?.nothing || Boolean(now().source); // who plays a film looks for no camera
  $("loop-row").hidden = !/^(file|images):/.test(source);
  const cameras = [...found, ...network];
  const is = (camera) => camera.source === source || (camera.kind === "sample" && source.startsWith("sample:"));
  const listed = cameras.some(is);
  const signature = JSON.stringify([cameras, source, document.documentElement.lang]);
  if ($("cameras").dataset.signature !== signature) {
    $("cameras").dataset.signature = signature;
    const focused = document.activeElement?.name === "camera" ? document.activeElement.value : null;
    const rows = cameras.map(choice);
    if (source === "auto") rows.unshift(choice({ source: "auto", name: t("The first that is found"), kind: "" }));
    else if (!listed) rows.unshift(choice({ source, name: source, kind: "" }));
    $("cameras").replaceChildren(...rows);
    if (focused) $("cameras").querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
  }
  const mine = cameras.find(is)?.source ?? source;
  for (const input of $("cameras").querySelectorAll("input")) input.checked = input.value === mine;
  if (document.activeElement !== $("source") && !listed && source !== "auto") $("source").value = source;
  showCertificate();
  rotation();
  for (const key of ["hflip", "vflip"]) $(key).checked = value(`camera.${key}`);
  sizes();
}

/** Whose certificate counts at an address with TLS, or that none is checked. */
function showCertificate() {
  const file = now().values["camera.ca_file"];
  const tls = /^(https|rtsps):/i.test($("source").value.trim());
  say($("camera-certificate"), file ? t("Only a camera with a certificate of {file} is asked (camera.ca_file).", { file })
    : tls ? t("No certificate is checked: whoever answers at this address gets the password in it. camera.ca_file in the configuration changes that.") : "");
  $("camera-certificate").classList.toggle("warn", !file);
}

function choice(camera) {
  const input = el("input", { type: "radio", name: "camera", value: camera.source });
  input.addEventListener("change", () => {
    if (!camera.suggestion) return open({ "camera.source": camera.source });
    $("source").value = camera.suggestion; // an ONVIF camera tells its address, not that of its picture
    $("source").focus();
    showCertificate();
    outcome = () => sentence(camera.hint);
    say($("opened"), outcome());
  });
  return el("label", { className: "choice" }, input, el("span", {}, el("b", {}, camera.kind === "sample" ? t("Sample room") : camera.name), " ",
    el("span", { className: "small" }, [kinds()[camera.kind] ?? "", camera.name === camera.source ? "" : camera.source].filter(Boolean).join(" · "))));
}

function rotation() {
  if (!$("rotation").children.length) {
    for (const degrees of [0, 90, 180, 270]) {
      const input = el("input", { type: "radio", name: "rotation", value: degrees });
      input.addEventListener("change", () => turn({ rotation: degrees }));
      $("rotation").append(el("label", {}, input, el("span", {}, `${degrees}°`)));
    }
  }
  for (const input of $("rotation").querySelectorAll("input")) input.checked = Number(input.value) === value("camera.rotation");
}

function sizes() {
  const given = [value("camera.width"), value("camera.height")];
  const all = SIZES.some((size) => size.join() === given.join()) ? SIZES : [given, ...SIZES];
  if ($("size").options.length !== all.length) $("size").replaceChildren(...all.map((size) => new Option(size.join(" × "), size.join("x"))));
  $("size").value = given.join("x");
}
