"""Heat maps as a picture, for a PNG."""

from __future__ import annotations

import textwrap

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from edge.languages.words import Words
from edge.reporting.map_data import Map, MapData
from edge.reporting.map_words import cell_text, column_name, empty_row, legends, title_of, worth_showing
from edge.reporting.palette import LIGHT
from edge.text import printable

MOST = 4  # maps of a picture; a page has all of them
LINE, HEAD = 0.26, 0.8  # inches
LONGEST_ROW, LONGEST_COLUMN = 20, 14  # characters


def map_pictures(data: MapData, maps: list[Map], words: Words) -> list[Figure]:
    """One picture for each map, and one that says what they mean."""
    worth = worth_showing(maps)
    shown, left = worth[:MOST], worth[MOST:]
    said = [words.say(each) for each in legends(data, shown)]
    if left:
        titles = ", ".join(title_of(each.measure, words) for each in left)
        said.append(words.translate("The page (.html) has these maps as well: {titles}.", titles=titles))
    return [*(_picture(data, each, words) for each in shown), *([_legend(said)] if shown else [])]


def _picture(data: MapData, each: Map, words: Words) -> Figure:
    rows, columns = len(data.rows), len(data.columns)
    figure = Figure(figsize=(10, LINE * rows + HEAD), layout="constrained")
    axes = figure.subplots()
    for row, cells in enumerate(each.cells):
        if nothing := empty_row(data, row, words):
            axes.add_patch(Rectangle((0, row), columns, 1, facecolor=LIGHT["gap"], edgecolor=LIGHT["grid"]))
            axes.text(
                columns / 2, row + 0.52, nothing, ha="center", va="center", fontsize=8, color=LIGHT["soft"],
                clip_on=True,
            )  # fmt: skip
            continue
        for column, cell in enumerate(cells):
            if cell is None:
                continue
            face = LIGHT[cell.state if cell.differs else "card" if cell.figure else "gap"]
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor=LIGHT["grid"]))
            axes.text(
                column + 0.5, row + 0.52, cell_text(cell, each.measure, words), ha="center", va="center",
                fontsize=8, color=LIGHT["text" if cell.figure else "soft"], clip_on=True,
                fontweight="bold" if cell.differs else "normal",
            )  # fmt: skip
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    names = [printable(column_name(data.kind, column, words), LONGEST_COLUMN) for column in data.columns]
    axes.set_xticks([n + 0.5 for n in range(columns)], names, fontsize=8)
    axes.set_yticks([n + 0.5 for n in range(rows)], [printable(row, LONGEST_ROW) for row in data.rows], fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_title(title_of(each.measure, words), loc="left", fontsize=11, color=LIGHT["text"])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _legend(texts: list[str]) -> Figure:
    lines = [line for each in texts for line in textwrap.wrap(each, 140)]
    figure = Figure(figsize=(10, 0.2 * len(lines) + 0.2))
    figure.text(0.02, 0.97, "\n".join(lines), fontsize=8.5, color=LIGHT["soft"], va="top", linespacing=1.45)
    return figure
