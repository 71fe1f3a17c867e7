// plotly.js, fetched from our own server when the first chart is needed, and what all charts share.

import { colour, format } from "./words.js";

let library = null;

export function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="charts"]').content;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      library = null;
      reject(new Error("the charts could not be loaded"));
    };
    document.head.append(script);
  });
  return library;
}

const CONFIG = { displayModeBar: false, doubleClick: false, responsive: true, showTips: false };

export async function draw(node, traces, layout) {
  const library_ = await plotly();
  if (!node.isConnected || node.offsetParent === null) return; // another view was chosen meanwhile
  await library_.react(node, traces, { ...look(), ...layout }, CONFIG);
}

function look() {
  const text = colour("--text");
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: text },
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
