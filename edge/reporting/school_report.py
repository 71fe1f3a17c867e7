"""A report on all rooms as a page, a picture or a table: sentences first, heat maps, rooms with their intervals."""

from __future__ import annotations

import csv
from datetime import date, datetime, tzinfo
from pathlib import Path

from edge.languages.words import Words
from edge.reporting.csv import cell_of
from edge.reporting.map_words import Map, maps_of
from edge.reporting.school_data import Column, MapData
from edge.reporting.school_sentences import (
    ONE_ARITHMETIC,
    OWN_PLACE,
    describe_school,
    period_of,
    room_head,
    room_rows,
    week_of,
)

HEAD = (
    "figure", "room", "row", "column", "start", "end", "value", "low", "high", "state", "usual", "recorded_seconds",
    "windows", "windows_withheld",
)  # fmt: skip


def school_page(data: MapData, zone: tzinfo, now: datetime, words: Words) -> str:
    """The report as HTML."""
    from edge.reporting.html import document, head, points, said, table  # noqa: PLC0415 - a .csv needs no matplotlib
    from edge.reporting.map_table import map_sections  # noqa: PLC0415

    maps, title = maps_of(data), words.translate("All rooms")
    period = period_of(data, words)
    parts = [
        head(title, period),
        said([words.say(each) for each in describe_school(data, maps, words)], words),
        map_sections(data, maps, words),
        table(words.translate("Room by room"), room_head(maps, words), room_rows(data, maps, words), ""),
        points([words.say(OWN_PLACE), words.say(ONE_ARITHMETIC)], words),
    ]
    return document(f"{title}, {period}", parts, zone, now, words)


def school_poster(data: MapData, path: Path, words: Words) -> None:
    """The report as PNG. Raises OSError."""
    from edge.reporting.map_chart import map_pictures  # noqa: PLC0415 - a .csv needs no matplotlib
    from edge.reporting.png import foot, head, write  # noqa: PLC0415

    maps = maps_of(data)
    told = [words.say(each) for each in [*describe_school(data, maps, words), OWN_PLACE]]
    title = head(words.translate("All rooms"), period_of(data, words))
    write([title, *map_pictures(data, maps, words), foot(told, words)], path)


def school_csv(data: MapData, path: Path) -> int:
    """The cells as CSV; returns how many. Raises OSError."""
    rows = list(cells_of(data, maps_of(data)))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows([cell_of(value) for value in row] for row in rows)
    return len(rows)


def cells_of(data: MapData, maps: list[Map]) -> list[tuple[object, ...]]:
    """A row for each cell of each map; empty: not known. Numbers are not rounded for people."""
    found: list[tuple[object, ...]] = []
    for each in maps:
        for row, cells in enumerate(each.cells):
            for column, cell in enumerate(cells):
                measured = data.grid[row][column]
                if cell is None or measured is None:
                    continue
                name = data.columns[column]
                figure = cell.figure
                numbers = (figure.value, figure.low, figure.high) if figure else (None, None, None)
                found.append(
                    (
                        each.measure, data.rooms[row], data.rows[row], _column(data, name),
                        measured.start.isoformat(), measured.end.isoformat(), *map(_rounded, numbers),
                        cell.state, _rounded(cell.usual), round(measured.totals.recorded, 3), measured.totals.windows,
                        measured.totals.withheld,
                    )
                )  # fmt: skip
    return found


def _column(data: MapData, name: Column) -> str:
    return week_of(name) if data.kind == "term" and isinstance(name, date) else str(name)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
