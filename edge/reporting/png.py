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
from edge.reporting.wording import FOOTER, figures, outage_summary

DPI = 150


def poster(report: ReportData, path: Path) -> None:
    """Write the picture. Raises OSError."""
    pictures = (
        [lesson(report)] if report.period.single else [*([days(report)] if report.basis else []), heat_maps(report)]
    )
    parts = [_head(report), *pictures, _foot(report)]
    pixels = [_pixels(part) for part in parts]
    with path.open("wb") as file:
        mpl_image.imsave(file, np.vstack(pixels), format="png", dpi=DPI, metadata={"Software": "edge"})


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def _head(report: ReportData) -> Figure:
    figure = Figure(figsize=(10, 0.95))
    name = report.device if report.device.isprintable() else label(report.device)
    figure.text(0.02, 0.5, name[:64], fontsize=19, fontweight="bold")
    figure.text(0.02, 0.14, str(report.period), fontsize=11, color=LIGHT["soft"])
    return figure


def _foot(report: ReportData) -> Figure:
    lines = []
    if report.basis and not report.period.single:
        lines.append(f"Shares: {BASES[report.basis]}.")
    lines.append("   ".join(f"{name} {value}" for name, value in figures(report)))
    if gone := outage_summary(report):
        lines += textwrap.wrap(f"Without figures: {gone}.", 140)
    lines += ["", *textwrap.wrap(FOOTER, 140)]
    figure = Figure(figsize=(10, 0.2 * len(lines) + 0.25))
    figure.text(0.02, 0.97, "\n".join(lines), fontsize=8.5, color=LIGHT["soft"], va="top", linespacing=1.45)
    return figure
