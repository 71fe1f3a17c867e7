"""The figures of `models.evaluate` for people: as text, and as one HTML page that holds its own pictures."""

from __future__ import annotations

import base64
import csv
import html
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.labels import HEADS, LABELS
from models.metrics import Confusion, Reliability
from models.plots import Axis, heat_map, line_chart, reliability_chart

SUMMARY = {
    "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
}  # fmt: skip
SUMMARY_NOTE = (
    "Balanced accuracy is the mean recall of the classes. Weighted F1 weighs a class by its pictures, macro F1 does "
    "not. The public split has also chosen the epoch and the temperature, so its figures flatter a little."
)
DARKNESS_NOTE = (
    "Grey levels are multiplied by the gain. The noise that a sensor adds in little light is not modelled, nor is "
    "motion blur: a dark room is harder than these figures."
)
SIZE_NOTE = (
    "Each picture is reduced to the size (area average) and enlarged again (linear), as the daemon enlarges what the "
    "camera saw. Compression and blur of a camera come on top."
)
CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #667; --rule: #d5d9e0; --bar: #d6e6f7;
  --c0: #1769b5; --c1: #c65102; --c2: #00796b; --c3: #8e3b8e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181c; --soft: #9aa3ad; --rule: #3a414a;
  --bar: #234261; --c0: #6cb2f2; --c1: #ff9c57; --c2: #4fc3b0; --c3: #d596d5; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere } h2 { margin-top: 2.5rem; border-top: 1px solid var(--rule);
  padding-top: 1rem } h3 { margin-bottom: .3rem }
p { max-width: 44rem } .soft, figcaption { color: var(--soft); font-size: .9rem }
.scroll { overflow-x: auto } .pair { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap }
th:first-child { text-align: left; font-weight: 600; white-space: normal }
thead th { color: var(--soft); font-weight: 500 }
td.bar { background: linear-gradient(to right, var(--bar) var(--part), transparent 0); min-width: 4.5rem }
figure { margin: 0; min-width: 0 } svg, img { display: block; width: 100%; max-width: 44rem; height: auto }
img { border-radius: 6px }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } .end { text-anchor: end }
.middle { text-anchor: middle } .grid { stroke: var(--rule); fill: none }
.line { fill: none; stroke-width: 2; stroke-linejoin: round } .ideal { stroke: var(--soft); stroke-dasharray: 4 4 }
.c0 { fill: var(--c0); stroke: var(--c0) } .c1 { fill: var(--c1); stroke: var(--c1) }
.c2 { fill: var(--c2); stroke: var(--c2) } .c3 { fill: var(--c3); stroke: var(--c3) } path.line { fill: none }
"""

Table = list[list[str]]


def read_log(path: Path) -> dict[str, list[float | None]]:
    """The columns of a training log, which has one line per epoch; None where there is no number.

    Raises:
        ValueError: It cannot be read, or is not such a log.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a readable training log ({error})") from None
    if not rows or "epoch" not in rows[0]:
        raise ValueError(f"{path}: not a training log, it has no line or no column named epoch")
    return {name: [_number(row[name]) for row in rows] for name in rows[0] if name}


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def as_text(result: dict[str, Any]) -> str:
    """What `models.evaluate.score` found, for a terminal."""
    lines = [
        f"{result['model']} on {result['data']}, {result['split']} split",
        f"{result['ms_per_face']:.3f} ms per face (median, one thread, {result['runtime']})",
    ]
    for head, output in result["outputs"].items():
        before, after = (_percent(output["calibration_error"][when]) for when in ("before", "after"))
        lines += [
            "",
            f"{head}: {output['pictures']} pictures",
            "  " + "   ".join(f"{name} {_percent(output[key])}" for key, name in SUMMARY.items()),
            *([f"  accuracy {absolute_majority(output)}"] if "absolute_majority" in output else []),
            f"  calibration error {after} with temperature {output['temperature']:g}, {before} without",
            "  face size  " + "   ".join(f"{size} px {_percent(x)}" for size, x in output["face_size"].items()),
            "  darkness   " + "   ".join(f"x{gain} {_percent(x)}" for gain, x in output["darkness"].items()),
            "",
            f"  {'':10}{'recall':>9}{'precision':>11}{'F1':>9}{'pictures':>10}",
        ]
        for label, row in output["classes"].items():
            shares = f"{_percent(row['recall']):>9}{_percent(row['precision']):>11}{_percent(row['f1']):>9}"
            lines.append(f"  {label:10}{shares}{row['pictures']:>10}")
        lines += ["", "  rows: truth, columns: guess", f"  {'':10}" + "".join(f"{label:>10}" for label in LABELS)]
        for label, counts in zip(LABELS, output["confusion"], strict=True):
            lines.append(f"  {label:10}" + "".join(f"{count:>10}" for count in counts))
    return "\n".join(lines)


def absolute_majority(output: dict[str, Any]) -> str:
    """The other protocol for FERPlus, in which most papers report."""
    found = output["absolute_majority"]
    return (
        f"on the {found['pictures']:,} with more than half of the votes, single ones dropped: "
        f"{_percent(found['accuracy'])}, balanced {_percent(found['balanced_accuracy'])}"
    )


def write_report(folder: Path, result: dict[str, Any]) -> Path:
    """Write report.html and one confusion-<output>.png for each output; returns the page.

    Args:
        folder: One that exists.
        result: What `models.evaluate.score` found, with `data`, `split`, and perhaps `training`.

    Raises:
        OSError: A file cannot be written.
    """
    pictures = {}
    for head, output in result["outputs"].items():
        confusion = Confusion(np.array(output["confusion"], np.int64))
        title = f"{head}: {confusion.rows} pictures, {_percent(output['accuracy'])} right"
        pictures[head] = cv2.imencode(".png", heat_map(confusion, LABELS, title))[1].tobytes()
        (folder / f"confusion-{head}.png").write_bytes(pictures[head])
    page = folder / "report.html"
    page.write_text(as_html(result, pictures), encoding="utf-8")
    return page


def as_html(result: dict[str, Any], pictures: dict[str, bytes]) -> str:
    """The page; `pictures` are the confusion matrices by output, as PNG."""
    outputs = result["outputs"]
    summary = [[name, *(_percent(output[key]) for output in outputs.values())] for key, name in SUMMARY.items()]
    summary.append(["pictures with a label", *(f"{output['pictures']:,}" for output in outputs.values())])
    errors = [output["calibration_error"] for output in outputs.values()]
    summary.append(["calibration error, with temperature", *(_percent(error["after"]) for error in errors)])
    summary.append(["calibration error, without", *(_percent(error["before"]) for error in errors)])
    about = (
        f"{result['pictures']:,} faces of {html.escape(result['data'])}, {result['split']} split. The int8 file as "
        f"shipped, {html.escape(result['runtime'])}, one thread: {result['ms_per_face']:.3f} ms per face (median). "
        "This scores the classifier alone, on faces already cut out."
    )
    parts = [
        f"<h1>{html.escape(result['model'])}</h1><p>{about}</p>",
        f'<h2>Summary</h2>{_table(["", *outputs], summary)}<p class="soft">{SUMMARY_NOTE}</p>',
        *(_output(head, output, pictures[head]) for head, output in outputs.items()),
        f'<h2>Face size</h2><p class="soft">{SIZE_NOTE}</p>',
        _sweep(outputs, "face_size", "width of the face, px"),
        f'<h2>Darkness</h2><p class="soft">{DARKNESS_NOTE}</p>',
        _sweep(outputs, "darkness", "gain, 1 = as it is"),
    ]
    if "training" in result:
        parts.append(_training(result["training"]))
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(result['model'])}, {result['split']} split</title><style>{CSS}</style>\n"
        + "\n".join(parts)
        + "\n</html>\n"
    )


def _output(head: str, output: dict[str, Any], picture: bytes) -> str:
    """The section of one output: classes, confusion matrix, reliability."""
    columns = ("recall", "precision", "f1")
    rows = "".join(
        f"<tr><th>{label}</th>{''.join(_bar(row[column]) for column in columns)}<td>{row['pictures']:,}</td></tr>"
        for label, row in output["classes"].items()
    )
    bins = {
        f"{when} ({_percent(output['calibration_error'][key])})": Reliability(
            np.array(output["reliability"][key]["pictures"]),
            *(np.array(output["reliability"][key][name], np.float64) for name in ("confidence", "accuracy")),
        )
        for when, key in (("as trained", "before"), ("with temperature", "after"))
    }
    other = f'<p class="soft">Accuracy {absolute_majority(output)}.</p>' if "absolute_majority" in output else ""
    return (
        f'<h2>Output {head}</h2>{other}<h3>Classes</h3><div class="scroll"><table><thead><tr><th></th>'
        f"<th>recall</th><th>precision</th><th>F1</th><th>pictures</th></tr></thead>{rows}</table></div>"
        '<div class="pair"><figure><h3>Confusion matrix</h3>'
        f'<img alt="Confusion matrix of {head}; its recalls are in the table above" '
        f'src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
        "<figcaption>Share of each true class, and pictures.</figcaption></figure>"
        f"<figure><h3>Reliability</h3>{reliability_chart(f'Reliability diagram of {head}', bins)}"
        "<figcaption>Pictures in 15 bins of the best guess's probability; in brackets the expected calibration error. "
        f"Dashed: what it should be. Below: pictures per bin, with temperature {output['temperature']:g}."
        "</figcaption></figure></div>"
    )


def _sweep(outputs: dict[str, Any], key: str, title: str) -> str:
    """Accuracy of all outputs against what was changed, as chart and table; even steps from easy to hard."""
    values = list(next(iter(outputs.values()))[key])
    x = Axis(title, -0.3, len(values) - 0.7, list(enumerate(values)))
    series = {head: list(enumerate(map(_nan, output[key].values()))) for head, output in outputs.items()}
    known = [share for points in series.values() for _, share in points if not math.isnan(share)]
    rows = [[value, *(_percent(output[key][value]) for output in outputs.values())] for value in values]
    chart = line_chart(f"Accuracy against {title}", x, Axis.around("accuracy", known, percent=True), series)
    return f'<div class="pair"><figure>{chart}</figure>{_table([title, *outputs], rows)}</div>'


def _training(training: dict[str, Any]) -> str:
    """Loss and accuracy against the epoch, from the log's columns: a loss by its name, an accuracy by its values."""
    columns: dict[str, list[float | None]] = dict(training["columns"])
    epochs = [_nan(epoch) for epoch in columns.pop("epoch")]
    names = sorted(columns, key=lambda name: next((n for n, head in enumerate(HEADS) if head in name), len(HEADS)))
    losses = [name for name in names if "loss" in name]
    accuracies = [name for name in names if name not in losses and any(word in name for word in ("accuracy", *HEADS))]
    x = Axis.around("epoch", [epoch for epoch in epochs if not math.isnan(epoch)])
    charts = []
    for title, chosen in (("loss", losses), ("accuracy", accuracies)):
        values = [value for name in chosen for value in columns[name] if value is not None]
        if values:
            y = Axis.around(title, values, percent=chosen is accuracies)
            lines = {
                name.replace("_", " "): list(zip(epochs, map(_nan, columns[name]), strict=True)) for name in chosen
            }
            charts.append(f"<figure>{line_chart(f'{title} against epoch', x, y, lines)}</figure>")
    source = html.escape(training["file"])
    return f'<h2>Training</h2><p class="soft">{source}</p><div class="pair">{"".join(charts)}</div>'


def _table(head: list[str], rows: Table) -> str:
    def cells(row: list[str], tag: str) -> str:
        return f"<th>{row[0]}</th>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in row[1:])

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells(head, "th")}</tr></thead>{body}</table></div>'


def _bar(share: float | None) -> str:
    return f'<td class="bar" style="--part: {100 * (share or 0):.0f}%">{_percent(share)}</td>'


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _nan(value: float | None) -> float:
    return math.nan if value is None else value
