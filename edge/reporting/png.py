"""A report as one PNG: title, sentences, picture, the figures in one line, what limits them, and what it is not."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import matplotlib.image as mpl_image
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edge.files.whole_file import whole_file
from edge.languages.words import Words
from edge.reporting.days_chart import days
from edge.reporting.lesson_chart import BASES, lesson
from edge.reporting.map_chart import map_pictures
from edge.reporting.map_data import MapData, maps_of
from edge.reporting.palette import LIGHT
from edge.reporting.report_data import ReportData
from edge.reporting.school_sentences import differences
from edge.reporting.scope import FOOTER, NOT_MEASURED, Scope, scope_of
from edge.reporting.wording import OBSERVATION, figures, made, notes, outage_summary, period_text, story
from edge.text import Sentence, printable

DPI = 150
LINE, WIDE = 140, 105  # characters of small and of large text


def poster(report: ReportData, path: Path, now: datetime, words: Words, data: MapData | None = None) -> None:
    """Write the picture of a device; `now` is when it is made. Raises OSError."""
    several = [days(report, words)] if report.basis and not report.period.single else []
    pictures = [lesson(report, words)] if report.period.single else several
    every = maps_of(data) if data else []
    told = differences(data, every, words) if data else story(report)
    maps = map_pictures(data, every, words) if data else []
    lines = [words.say(BASES[report.basis])] if report.basis and not report.period.single else []
    lines.append("   ".join(f"{name} {value}" for name, value in figures(report, words)))
    if gone := outage_summary(report, words):
        lines.append(words.translate("Without figures: {reasons}.", reasons=gone))
    tables = words.say(OBSERVATION)  # about a table that a picture has not
    lines += ["", *(each for each in notes(report, words) if each != tables)]
    title = head(report.device, period_text(report.period, words), made(report.period.zone, now, words))
    scope = scope_of([report.totals])
    write([title, *([said(told, scope, words)] if told else []), *pictures, *maps, foot(lines, scope, words)], path)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write figures below one another. Raises OSError."""
    pixels = [_pixels(each) for each in figures]
    with whole_file(path) as file:
        mpl_image.imsave(file, np.vstack(pixels), format="png", dpi=DPI, metadata={"Software": "edge"})


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def head(name: str, period: str, origin: str) -> Figure:
    """The name of what is shown, and when; when the picture was made, and by which clock its times are."""
    figure = Figure(figsize=(10, 1.15))
    figure.text(0.02, 0.59, printable(name), fontsize=19, fontweight="bold")
    figure.text(0.02, 0.29, period, fontsize=11, color=LIGHT["soft"])
    figure.text(0.02, 0.08, origin, fontsize=8.5, color=LIGHT["soft"])
    return figure


def said(sentences: Sequence[Sentence], scope: Scope, words: Words) -> Figure:
    """What is said first, and what nobody measured."""
    large = [line for each in sentences for line in textwrap.wrap(words.say(each), WIDE)]
    small = textwrap.wrap(words.say(NOT_MEASURED[scope]), LINE)
    height = 0.24 * len(large) + 0.2 * len(small) + 0.3
    figure = Figure(figsize=(10, height))
    figure.text(
        0.02, 1 - 0.06 / height, "\n".join(large), fontsize=10.5, color=LIGHT["text"], va="top", linespacing=1.45
    )
    figure.text(0.02, 0.08 / height, "\n".join(small), fontsize=8.5, color=LIGHT["soft"], va="bottom", linespacing=1.45)
    return figure


def foot(texts: Sequence[str], scope: Scope, words: Words) -> Figure:
    """Texts, and what the report is not."""
    lines = [line for text in texts for line in textwrap.wrap(text, LINE) or [""]]
    lines += ["", *textwrap.wrap(words.say(FOOTER[scope]), LINE)]
    figure = Figure(figsize=(10, 0.2 * len(lines) + 0.25))
    figure.text(0.02, 0.97, "\n".join(lines), fontsize=8.5, color=LIGHT["soft"], va="top", linespacing=1.45)
    return figure
