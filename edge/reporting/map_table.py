"""Heat maps as tables of HTML: every cell says its figure, colour only helps to find those that differ."""

from __future__ import annotations

from html import escape

from edge.languages.words import Words
from edge.reporting.heat_map import Cell
from edge.reporting.map_data import Map, MapData
from edge.reporting.map_words import (
    CAPTION,
    cell_text,
    column_name,
    empty_row,
    legends,
    range_text,
    title_of,
    worth_showing,
)

STYLE = """
.map td { text-align: center; padding: .25rem .4rem; line-height: 1.25; }
.map td small { display: block; color: var(--soft); font-size: .75rem; }
.map .above { background: var(--above); font-weight: 600; }
.map .below { background: var(--below); font-weight: 600; }
.map .none { color: var(--soft); }
.map .row { text-align: left; }
caption { text-align: left; white-space: normal; color: var(--soft); font-size: .9rem; padding-bottom: .3rem; }
@media print { .map .above, .map .below { print-color-adjust: exact; } }
@media (forced-colors: active) { .map .above, .map .below { outline: 2px solid CanvasText; outline-offset: -2px; } }
"""


def map_sections(data: MapData, maps: list[Map], words: Words) -> str:
    """The maps that a page has room for, each with its caption."""
    said = "".join(f"<p class='soft'>{escape(words.say(one))}</p>" for one in legends(data, maps))
    found = []
    for number, each in enumerate(worth_showing(maps)):
        title = escape(title_of(each.measure, words))
        found.append(
            f"<section><h2>{title}</h2>{'' if number else said}"
            f'<div class="wide" tabindex="0" role="region" aria-label="{title}">{_table(data, each, words)}</div>'
            "</section>"
        )
    return "".join(found)


def _table(data: MapData, each: Map, words: Words) -> str:
    head = "".join(f'<th scope="col">{escape(column_name(data.kind, column, words))}</th>' for column in data.columns)
    lines = "".join(
        f'<tr><th scope="row">{escape(row)}</th>{_cells(data, each, number, words)}</tr>'
        for number, row in enumerate(data.rows)
    )
    caption = escape(words.say(CAPTION))
    first = escape(words.translate("lesson") if data.kind == "week" else words.translate("room"))
    return (
        f'<table class="map"><caption>{caption}</caption><thead><tr><th scope="col">{first}</th>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )


def _cells(data: MapData, each: Map, row: int, words: Words) -> str:
    if nothing := empty_row(data, row, words):
        return f'<td class="none" colspan="{len(data.columns)}">{escape(nothing)}</td>'
    return "".join(html_cell(cell, each.measure, words) for cell in each.cells[row])


def html_cell(cell: Cell | None, measure: str, words: Words) -> str:
    """A cell with its interval."""
    text = escape(cell_text(cell, measure, words))
    if cell is None or cell.figure is None:
        return f'<td class="none">{text}</td>'
    below = f"<small>{escape(range_text(cell.figure, measure, words))}</small>"
    return f'<td class="{cell.state}">{text}{below}</td>'
