"""A report as one PNG: title, picture, the figures in one line, and what it is not."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib.image as mpl_image
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edge.languages.words import Words
from edge.reporting.days_chart import days
from edge.reporting.lesson_chart import BASES, lesson
from edge.reporting.map_chart import map_pictures
from edge.reporting.map_words import maps_of
from edge.reporting.palette import LIGHT
from edge.reporting.report_data import ReportData
from edge.reporting.school_data import MapData
from edge.reporting.wording import FOOTER, figures, outage_summary, period_text
from edge.text import printable

DPI = 150
LINE = 140  # characters


def poster(report: ReportData, path: Path, words: Words, data: MapData | None = None) -> None:
    """Write the picture of a device. Raises OSError."""
    several = [days(report, words)] if report.basis and not report.period.single else []
    pictures = [lesson(report, words)] if report.period.single else several
    maps = map_pictures(data, maps_of(data), words) if data else []
    lines = [words.say(BASES[report.basis])] if report.basis and not report.period.single else []
    lines.append("   ".join(f"{name} {value}" for name, value in figures(report, words)))
    if gone := outage_summary(report, words):
        lines.append(words.translate("Without figures: {reasons}.", reasons=gone))
    write([head(report.device, period_text(report.period, words)), *pictures, *maps, foot(lines, words)], path)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write figures below one another. Raises OSError."""
    pixels = [_pixels(each) for each in figures]
    with path.open("wb") as file:
        mpl_image.imsave(file, np.vstack(pixels), format="png", dpi=DPI, metadata={"Software": "edge"})


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def head(name: str, period: str) -> Figure:
    """The name of what is shown, and when."""
    figure = Figure(figsize=(10, 0.95))
    figure.text(0.02, 0.5, printable(name), fontsize=19, fontweight="bold")
    figure.text(0.02, 0.14, period, fontsize=11, color=LIGHT["soft"])
    return figure


def foot(texts: Sequence[str], words: Words) -> Figure:
    """Texts, and what the report is not."""
    lines = [line for text in texts for line in textwrap.wrap(text, LINE)]
    lines += ["", *textwrap.wrap(words.say(FOOTER), LINE)]
    figure = Figure(figsize=(10, 0.2 * len(lines) + 0.25))
    figure.text(0.02, 0.97, "\n".join(lines), fontsize=8.5, color=LIGHT["soft"], va="top", linespacing=1.45)
    return figure
