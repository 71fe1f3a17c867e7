"""The cells of heat maps as CSV, for spreadsheets and statistics; it needs no library for pages."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

from edge.files.whole_file import whole_csv
from edge.reporting.csv import cell_of
from edge.reporting.map_data import Column, Map, MapData, week_of

HEAD = (
    "figure", "room", "row", "column", "start", "end", "value", "low", "high", "state", "usual", "recorded_seconds",
    "windows", "windows_withheld", "withheld_seconds",
)  # fmt: skip


def school_csv(data: MapData, maps: list[Map], path: Path) -> int:
    """The cells as CSV; returns how many. Raises OSError."""
    rows = cells_of(data, maps)
    with whole_csv(path) as file:
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
                        cell.state, _rounded(cell.usual), round(measured.totals.covered, 3), measured.totals.windows,
                        measured.totals.withheld, round(measured.totals.withheld_seconds, 3),
                    )
                )  # fmt: skip
    return found


def _column(data: MapData, name: Column) -> str:
    return week_of(name) if data.kind == "term" and isinstance(name, date) else str(name)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
