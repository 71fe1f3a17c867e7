"""Heat maps as a page gets them: every text in its language, every figure with its interval, and where cells lead."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from edge.languages.words import Words
from edge.reporting.heat_map import Cell, Measured
from edge.reporting.lesson_comparison import FEWEST
from edge.reporting.map_data import Map, MapData, maps_of, week_of
from edge.reporting.map_words import (
    CAPTION,
    SYMBOLS,
    cell_text,
    column_name,
    empty_row,
    legends,
    range_text,
    title_of,
)
from edge.reporting.school_data import DAY, WEEK
from edge.reporting.school_sentences import (
    OWN_PLACE,
    describe_school,
    differences,
    period_of,
    room_head,
    room_rows,
)
from edge.reporting.scope import NOT_MEASURED, scope_of
from edge.text import Sentence

LESSON_PAGE = Sentence(
    "The page of a lesson compares it with the same lesson of earlier weeks instead, and needs {least} of them. Its "
    "intervals come from single minutes, those here from stretches of five: for one lesson the two may differ.",
    {"least": FEWEST},
)
Address = list[str]
"""The parts of an address of the page: `["week", "room-1", "2026-W47"]`."""


def map_answer(data: MapData, words: Words, *, lessons: bool) -> dict[str, Any]:
    """All maps of some rooms and a time, ready for JSON.

    Args:
        data: What they show.
        words: The language.
        lessons: Whether the slots are lessons, which have a page each, and not hours.
    """
    maps, single = maps_of(data), data.kind == "week"
    told = differences(data, maps, words) if single else describe_school(data, maps, words)
    return {
        "kind": data.kind,
        "title": f"{words.translate('week {n}', n=_week_number(data))}, {period_of(data, words)}"
        if single
        else period_of(data, words),
        "first": data.start.date().isoformat(),
        "last": (data.end - DAY).date().isoformat(),
        "previous": _beside(data, -1),
        "next": _beside(data, 1),
        "sentences": [words.say(each) for each in told],
        "caption": words.say(CAPTION),
        "legend": [words.say(each) for each in _legend(data, maps, lessons=lessons)],
        "columns": [
            {
                "name": column_name(data.kind, column, words),
                "key": _key(data, column),
                "link": _column_link(data, column),
            }
            for column in data.columns
        ],
        "rows": [
            {
                "name": row,
                "room": room,
                "link": None if single else ["week", room, data.start.date().isoformat()],
                "empty": empty_row(data, number, words),
            }
            for number, (row, room) in enumerate(zip(data.rows, data.rooms, strict=True))
        ],
        "measures": [
            {
                "key": each.measure,
                "title": title_of(each.measure, words),
                "marks": _marks(each),
                "cells": [
                    [
                        _cell(cell, data.grid[row][column], each.measure, words)
                        | {"link": _link(data, row, column, lessons=lessons)}
                        if cell
                        else None
                        for column, cell in enumerate(cells)
                    ]
                    for row, cells in enumerate(each.cells)
                ],
            }
            for each in maps
        ],
        "nothing": _nothing(data, words, lessons=lessons),
        "rooms": None if single else {"head": room_head(maps, words), "rows": room_rows(data, maps, words)},
    }


def _legend(data: MapData, maps: list[Map], *, lessons: bool) -> list[Sentence]:
    if not maps:
        return []
    compared, *others = legends(data, maps)
    own = [LESSON_PAGE] if lessons and data.kind in ("week", "day") else []
    found = [NOT_MEASURED[scope_of(each.totals for each in data.sums)], compared, *own, *others]
    return found if data.kind == "week" else [*found, OWN_PLACE]


def _nothing(data: MapData, words: Words, *, lessons: bool) -> str:
    """What is said where every row is empty."""
    if lessons and (outside := sum(each.totals.covered for each in data.sums)):
        return words.translate(
            "Nothing was recorded in lessons, but {length} outside of them: see “whole day” in the view Lesson.",
            length=words.length(outside),
        )
    return words.translate("Nothing was recorded in this time.")


def _marks(each: Map) -> str:
    """Which symbols the map has, so that they are found without looking at all maps."""
    return "".join(sorted({SYMBOLS[cell.state] for row in each.cells for cell in row if cell and cell.differs}))


def _cell(cell: Cell, measured: Measured | None, measure: str, words: Words) -> dict[str, Any]:
    figure = cell.figure
    return {
        "text": cell_text(cell, measure, words),
        "range": range_text(figure, measure, words) if figure else "",
        "state": cell.state,
        "start": measured.start.isoformat() if measured else None,
        "end": measured.end.isoformat() if measured else None,
        "value": _rounded(figure and figure.value),
        "low": _rounded(figure and figure.low),
        "high": _rounded(figure and figure.high),
        "usual": _rounded(cell.usual),
    }


def _link(data: MapData, row: int, column: int, *, lessons: bool) -> Address | None:
    """Where a cell leads: to its lesson, or to the week of its room."""
    name, room = data.columns[column], data.rooms[row]
    if data.kind == "term" and isinstance(name, date):
        return ["week", room, name.isoformat()]
    if not lessons:
        return None
    if data.kind == "week" and isinstance(name, date):
        return ["lesson", room, name.isoformat(), data.rows[row]]
    return ["lesson", room, data.start.date().isoformat(), str(name)]


def _column_link(data: MapData, column: object) -> Address | None:
    return ["day", column.isoformat()] if data.kind == "week" and isinstance(column, date) else None


def _beside(data: MapData, direction: int) -> Address:
    """The same map, one earlier or later."""
    first, last = data.start.date(), (data.end - DAY).date()
    if data.kind == "week":
        return ["week", data.rooms[0] if data.rooms else data.sums[0].room, (first + direction * WEEK).isoformat()]
    if data.kind == "day":
        return ["day", (first + direction * DAY).isoformat()]
    length = last - first + timedelta(days=1)
    return ["weeks", (first + direction * length).isoformat(), (last + direction * length).isoformat()]


def _key(data: MapData, column: object) -> str:
    return week_of(column) if data.kind == "term" and isinstance(column, date) else str(column)


def _week_number(data: MapData) -> str:
    return str(data.start.date().isocalendar().week)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
