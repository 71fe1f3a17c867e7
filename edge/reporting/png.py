"""A report as one PNG: title, picture, the figures in one line, and what it is not."""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib.image as mpl_image
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edge.reporting.charts import label
from edge.reporting.days_chart import days, heat_maps
from edge.reporting.lesson_chart import BASES, lesson
from edge.reporting.palette import LIGHT
from edge.reporting.report_data import ReportData
from edge.reporting.wording import FOOTER, figures, without

DPI = 150


def poster(story: ReportData, path: Path) -> None:
    """Write the picture. Raises OSError."""
    pictures = [lesson(story)] if story.period.single else [*([days(story)] if story.basis else []), heat_maps(story)]
    parts = [_head(story), *pictures, _foot(story)]
    pixels = [_pixels(part) for part in parts]
    with path.open("wb") as file:
        mpl_image.imsave(file, np.vstack(pixels), format="png", dpi=DPI, metadata={"Software": "edge"})


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def _head(story: ReportData) -> Figure:
    figure = Figure(figsize=(10, 0.95))
    name = story.device if story.device.isprintable() else label(story.device)
    figure.text(0.02, 0.5, name[:64], fontsize=19, fontweight="bold")
    figure.text(0.02, 0.14, str(story.period), fontsize=11, color=LIGHT["soft"])
    return figure


def _foot(story: ReportData) -> Figure:
    lines = []
    if story.basis and not story.period.single:
        lines.append(f"Shares: {BASES[story.basis]}.")
    lines.append("   ".join(f"{name} {value}" for name, value in figures(story)))
    if gone := without(story):
        lines += textwrap.wrap(f"Without figures: {gone}.", 140)
    lines += ["", *textwrap.wrap(FOOTER, 140)]
    figure = Figure(figsize=(10, 0.2 * len(lines) + 0.25))
    figure.text(0.02, 0.97, "\n".join(lines), fontsize=8.5, color=LIGHT["soft"], va="top", linespacing=1.45)
    return figure
