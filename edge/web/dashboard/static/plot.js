// plotly.js, fetched from our own server when the first chart is needed, and what all charts share.

import { colour, format } from "./words.js";
import { insist } from "../shared/insist.js";

let library = null;

const plotly = () => library ??= insist(() => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = document.querySelector('meta[name="charts"]').content;
  script.onload = () => resolve(window.Plotly);
  script.onerror = reject;
  document.head.append(script);
}));

const FONT_SIZE = 13;
const CONFIG = { displayModeBar: false, doubleClick: false, responsive: true, showTips: false };

export async function draw(node, traces, layout) {
  const library_ = await plotly();
  if (!node.isConnected || node.offsetParent === null) return; // another view was chosen meanwhile
  // Margins at the sides follow their labels by themselves; at the top half of the highest label needs room, in any font.
  const margin = { ...layout.margin, t: Math.max(FONT_SIZE, layout.margin?.t ?? 0) };
  if (layout.height) node.style.height = `${layout.height}px`; // what plotly takes for it when the window changes its size
  await library_.react(node, traces, { ...look(), ...layout, margin }, CONFIG);
}

const PAPER = { width: 690, height: 220 }; // CSS pixels between the margins of A4, and what a picture may have of them

/** Pictures are as large as the window has made them: before they are printed they are made as large as the page. */
export function fitToPaper() {
  for (const node of document.querySelectorAll(".chart")) {
    if (node.offsetParent !== null && node.data) {
      const screen = { ...node.layout, width: undefined };
      window.Plotly.relayout(node, PAPER);
      // The width of the screen is there again only with the next frame.
      const restore = () => requestAnimationFrame(() => requestAnimationFrame(() => {
        window.Plotly.react(node, node.data, screen, CONFIG).then(() => window.Plotly.Plots.resize(node));
      }));
      window.addEventListener("afterprint", restore, { once: true });
    }
  }
}

function look() {
  const text = colour("--text");
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: FONT_SIZE, color: text },
    dragmode: false,
    showlegend: false,
    hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: text } },
  };
}

export const axis = (more = {}) => ({
  fixedrange: true,
  gridcolor: colour("--grid"),
  linecolor: colour("--line"),
  zeroline: false,
  automargin: true,
  ticklabeloverflow: "allow", // else "100 %" vanishes where the font is taller than its margin, as Noto Sans is
  ...more,
});

/** Plotly reads some markup in text; a label from the network is only a label. */
export const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const PARTS = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

/** Plotly shows a date without a time zone as it is written: the time of day here. */
export function local(ms) {
  const found = Object.fromEntries(format(PARTS).formatToParts(ms).map(({ type, value }) => [type, value]));
  return `${found.year}-${found.month}-${found.day}T${found.hour}:${found.minute}:${found.second}.${String(Math.floor(ms) % 1000).padStart(3, "0")}`;
}
