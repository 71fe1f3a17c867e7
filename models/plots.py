"""Small charts without a plotting library: SVG that follows the page's colours, and a heat map as PNG."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.metrics import Confusion, Reliability

WIDTH, HEIGHT = 420, 270  # of a chart, in SVG units
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 34, 40  # margins around its plot
SHARES = 56  # height of the histogram below a reliability diagram

# Colours of the heat map (BGR) at shares 0, 1/2 and 1: pale to deep blue, in even steps of lightness.
RAMP = ((255, 250, 245), (214, 152, 84), (110, 44, 10))
CELL = 84  # px of the heat map's squares
SHARPER = 4  # drawn this many times larger and shrunk: OpenCV's letters have hard edges otherwise

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """What one side of a chart shows.

    Attributes:
        title: With the unit.
        low: Value at the left or bottom edge.
        high: Value at the right or top edge.
        ticks: (value, text) of each mark.
    """

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    @classmethod
    def around(cls, title: str, values: Sequence[float], *, percent: bool = False) -> Axis:
        """An axis that holds all `values`, with four to eight round marks."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        rough = max((high - low) / 5, 0.01)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * 0.999)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        last = max(last, first + 1)
        marks = [n * step for n in range(first, last + 1)]
        return cls(title, marks[0], marks[-1], [(mark, f"{mark:.0%}" if percent else f"{mark:g}") for mark in marks])

    def part(self, value: float) -> float:
        """Where a value lies on this axis, 0..1."""
        return (value - self.low) / (self.high - self.low)


def line_chart(title: str, x: Axis, y: Axis, series: Mapping[str, Points]) -> str:
    """Lines over one another, with a legend, as inline SVG. Points that are NaN are left out.

    Args:
        title: Read to those who cannot see the chart.
        x: The horizontal axis; `low` may be the larger value.
        y: The vertical axis.
        series: By name, in the order of their colours.
    """
    parts = [_grid(x, y), _legend(list(series))]
    for colour, points in enumerate(series.values()):
        parts.append(_line(x, y, points, f"c{colour}", marks=len(points) <= 15))
    return _svg(title, HEIGHT, parts)


def reliability_chart(title: str, series: dict[str, Reliability]) -> str:
    """Accuracy against confidence, as inline SVG; below it how the pictures of the last one are spread."""
    tenths = [(n / 5, f"{n / 5:.0%}") for n in range(6)]
    x, y = Axis("confidence", 0, 1, tenths), Axis("accuracy", 0, 1, tenths)
    height = HEIGHT + SHARES
    parts = [_grid(x, y), _legend(list(series))]
    parts.append(_line(x, y, [(0, 0), (1, 1)], "ideal", marks=False))
    for colour, result in enumerate(series.values()):
        points = list(zip(result.confidence.tolist(), result.accuracy.tolist(), strict=True))
        parts.append(_line(x, y, points, f"c{colour}", marks=True))
    last = list(series.values())[-1].counts
    wide = (WIDTH - LEFT - RIGHT) / len(last)
    for index, share in enumerate((last / max(int(last.max()), 1)).tolist()):
        tall = share * (SHARES - 10)
        parts.append(
            f'<rect class="c{len(series) - 1}" x="{LEFT + index * wide + 1:.1f}" y="{height - tall:.1f}" '
            f'width="{wide - 2:.1f}" height="{tall:.1f}"/>'
        )
    return _svg(title, height, parts)


def heat_map(confusion: Confusion, labels: Sequence[str], title: str) -> NDArray[np.uint8]:
    """A confusion matrix as a picture (height, width, 3) uint8 BGR: share of each true class, and pictures."""
    size, left, top = len(labels), 96, 92
    width, height = left + size * CELL + 12, top + size * CELL + 12
    canvas = np.full((height * SHARPER, width * SHARPER, 3), 255, np.uint8)
    _text(canvas, title, (left, 26), 0.62, align=0)
    _text(canvas, "columns: what the model said", (left, 52), 0.44, align=0, grey=110)
    _text(canvas, "rows: truth", (left - 8, top - 14), 0.44, align=1, grey=110)
    totals = confusion.counts.sum(axis=1)
    for row in range(size):
        middle = top + row * CELL + CELL // 2
        _text(canvas, labels[row], (left - 8, middle + 5), 0.5, align=1)
        _text(canvas, labels[row], (left + row * CELL + CELL // 2, top - 14), 0.5)
        for column in range(size):
            pictures, total = int(confusion.counts[row, column]), int(totals[row])
            share = pictures / total if total else 0.0
            corner = left + column * CELL, top + row * CELL
            colour = [round(float(np.interp(share, (0, 0.5, 1), channel))) for channel in zip(*RAMP, strict=True)]
            far = (corner[0] + CELL - 3, corner[1] + CELL - 3)
            begin, end = ((n * SHARPER for n in point) for point in (corner, far))
            cv2.rectangle(canvas, tuple(begin), tuple(end), colour, cv2.FILLED)
            grey = 255 if share > 0.55 else 40
            centre = corner[0] + CELL // 2 - 1
            _text(canvas, f"{share:.0%}" if total else "-", (centre, middle), 0.58, grey=grey)
            _text(canvas, f"{pictures}", (centre, middle + 21), 0.42, grey=grey)
    picture: NDArray[np.uint8] = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return picture


def _text(
    canvas: NDArray[np.uint8], text: str, at: tuple[int, int], size: float, *, align: float = 0.5, grey: int = 40
) -> None:
    """Write on the enlarged canvas; `at` is on the line of writing, `align` the part of the text left of it."""
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, round(SHARPER * 2.2 * size)
    (wide, _), _ = cv2.getTextSize(text, font, size * SHARPER, thick)
    begin = (round(at[0] * SHARPER - wide * align), at[1] * SHARPER)
    cv2.putText(canvas, text, begin, font, size * SHARPER, (grey,) * 3, thick, cv2.LINE_AA)


def _svg(title: str, height: int, parts: list[str]) -> str:
    name = html.escape(title)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _across(part: float) -> float:
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def _up(part: float) -> float:
    return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


def _grid(x: Axis, y: Axis) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = []
    for value, text in y.ticks:
        at = _up(y.part(value))
        lines.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{right}"/>')
        lines.append(f'<text class="end" x="{LEFT - 6}" y="{at + 4:.1f}">{html.escape(text)}</text>')
    for value, text in x.ticks:
        at = _across(x.part(value))
        lines.append(f'<path class="grid" d="M{at:.1f} {bottom}v4"/>')
        lines.append(f'<text class="middle" x="{at:.1f}" y="{bottom + 17}">{html.escape(text)}</text>')
    lines.append(f'<text class="end" x="{right}" y="{bottom + 34}">{html.escape(x.title)}</text>')
    lines.append(f'<text x="0" y="{TOP - 20}">{html.escape(y.title)}</text>')
    return "".join(lines)


def _legend(names: list[str]) -> str:
    marked = (f'<tspan class="c{colour}">&#9679;</tspan> {html.escape(name)}' for colour, name in enumerate(names))
    return f'<text class="end" x="{WIDTH - RIGHT}" y="{TOP - 20}">{"&ensp; ".join(marked)}</text>'


def _line(x: Axis, y: Axis, points: Points, style: str, *, marks: bool) -> str:
    known = [(_across(x.part(a)), _up(y.part(b))) for a, b in points if not math.isnan(a + b)]
    if not known:
        return ""
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in known)
    dots = "".join(f'<circle class="{style}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in known) if marks else ""
    return f'<path class="line {style}" d="M{path}"/>{dots}'
