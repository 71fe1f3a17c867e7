"""The figures of `models.prevalence` as Markdown tables, and as plots that stand alone."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.plots import HEIGHT, WIDTH, Axis, Points, line_chart

SHOWN = {  # lines of the plots of errors, by the name of the method
    "counts": "plain counts",
    "adjusted probabilities (PACC)": "PACC",
    "EM, temperature only": "plain EM",
}
ESTIMATE = "estimate"
LETTER = 6.2  # width of a letter, about
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1b1f24 } .end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #d5d9e0; fill: none } .line { fill: none; stroke-width: 2; stroke-linejoin: round }
.c0 { fill: #c65102; stroke: #c65102 } .c1 { fill: #8e3b8e; stroke: #8e3b8e } .c2 { fill: #00796b; stroke: #00796b }
.c3 { fill: #1769b5; stroke: #1769b5 } path.line { fill: none } tspan { stroke: none }
"""


def as_markdown(result: dict[str, Any]) -> str:
    """Three tables: the estimate beside counts, the intervals, and the other methods."""
    parts = [f"`{result['model']}`, output `{result['head']}`, {result['split']} split", "", "## Errors", ""]
    heads = ["room", "faces", "counts", "estimate", "ratio", "counts, filmed", "estimate, filmed", "ratio, filmed"]
    rows = []
    for mixture, size, cell in _cells(result):
        still, filmed = cell["still"], cell["filmed"]
        errors = [
            text
            for kind in (still, filmed)
            for text in (_points(kind["counts"]), _points(kind["estimate"]), f"{kind['estimate'] / kind['counts']:.2f}")
        ]
        rows.append([mixture, size, *errors])
    parts += [_table(heads, rows), "", "## Intervals", ""]
    heads = ["room", "faces", "coverage", "width", "coverage, filmed", "width, filmed"]
    kinds = [(kind, what) for kind in ("still", "filmed") for what in ("coverage", "width")]
    rows = [
        [mixture, size, *(f"{100 * cell[kind][what]:.1f} %" for kind, what in kinds)]
        for mixture, size, cell in _cells(result)
    ]
    parts += [_table(heads, rows), "", "## All methods, error as a multiple of that of counts", ""]
    names = list(next(_cells(result))[2]["still"]["methods"])
    rows = []
    for mixture, size, cell in _cells(result):
        errors = [*(cell["still"]["methods"][name] for name in names), cell["still"]["estimate"]]
        rows.append([mixture, size, *(f"{error / cell['still']['counts']:.2f}" for error in errors)])
    parts += [_table(["room", "faces", *names, ESTIMATE], rows), "", "## QuaPy", ""]
    differences = result["quapy"]
    if differences is None:
        parts.append("not installed: see models/requirements-quapy.txt")
    else:
        parts.append(
            _table(["method", "largest difference"], [[name, f"{100 * n:.2f}"] for name, n in differences.items()])
        )
    return "\n".join(parts)


def draw_plots(folder: Path, result: dict[str, Any]) -> None:
    """Write errors of both mixtures, coverage and width as four SVG files."""
    sizes = sorted({int(size) for _, size, _ in _cells(result)})
    across = Axis(
        "faces in the room", math.log(sizes[0]), math.log(sizes[-1]), [(math.log(n), f"{n:,}") for n in sizes]
    )
    for mixture, cells in result["mixtures"].items():
        lines = {title: _line(cells, "still", "methods", name) for name, title in SHOWN.items()}
        lines[ESTIMATE] = _line(cells, "still", "estimate")
        top = Axis.around("", [0.0, *(value for points in lines.values() for _, value in points)])
        up = Axis("mean error, points", 0, top.high, [(tick, f"{100 * tick:.0f}") for tick, _ in top.ticks])
        _write(folder / f"prevalence-{mixture.replace(' ', '-')}.svg", f"Errors in {mixture} rooms", across, up, lines)
    for what, up in (
        ("coverage", Axis("true shares inside", 0.8, 1.0, [(n / 20, f"{n * 5} %") for n in range(16, 21)])),
        ("width", Axis("width, points", 0, 0.3, [(n / 20, f"{n * 5}") for n in range(7)])),
    ):
        lines = {mixture: _line(cells, "filmed", what) for mixture, cells in result["mixtures"].items()}
        _write(folder / f"prevalence-{what}.svg", f"Intervals: {what}", across, up, lines)


def _write(path: Path, title: str, across: Axis, up: Axis, lines: dict[str, Points]) -> None:
    head, _, rest = line_chart(title, across, up, lines).partition(">")
    rest = re.sub(r"<text [^>]*><tspan .*?</text>", _legend(list(lines)), rest)
    paper = f'<style>{STYLE}</style><path fill="#fff" d="M0 0h{WIDTH}v{HEIGHT}H0z"/>'
    page = f'{head} xmlns="http://www.w3.org/2000/svg">{paper}{rest}'
    path.write_text(page + "\n", encoding="utf-8")


def _legend(names: list[str]) -> str:
    """Names above the plot, each after its dot: as parts of one text they are beyond some viewers of SVG files."""
    marks, right = [], float(WIDTH)
    for colour, name in reversed(list(enumerate(names))):
        right -= 22 + LETTER * len(name)
        marks.append(
            f'<circle class="c{colour}" cx="{right:.0f}" cy="10" r="4"/><text x="{right + 8:.0f}" y="14">{name}</text>'
        )
    return "".join(marks)


def _line(cells: dict[str, Any], *keys: str) -> Points:
    points = []
    for size, cell in cells.items():
        value = cell
        for key in keys:
            value = value[key]
        points.append((math.log(int(size)), value))
    return points


def _cells(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    return ((mixture, size, cell) for mixture, cells in result["mixtures"].items() for size, cell in cells.items())


def _points(share: float) -> str:
    return f"{100 * share:.2f}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows))
