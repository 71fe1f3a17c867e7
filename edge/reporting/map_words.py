"""What heat maps say: titles, columns, the text of every cell, and what their colours mean. Pure."""

from __future__ import annotations

from datetime import date

from edge.contract.labels import adjective
from edge.languages.words import Words
from edge.reporting.heat_map import Cell, State, some_left_out
from edge.reporting.lesson_comparison import FACES
from edge.reporting.lesson_sentences import WORTH_TELLING, outward_tenths
from edge.reporting.lesson_statistics import FRONT, Figure
from edge.reporting.map_conditions import measured_differently
from edge.reporting.map_data import Column, Kind, Map, MapData
from edge.reporting.totals import MOST_LABELS
from edge.text import Sentence

SYMBOLS: dict[State, str] = {"above": "▲", "below": "▼", "other_conditions": "≠"}
ABSENT: dict[State, Sentence] = {
    "withheld": Sentence("withheld"), "few": Sentence("too short"), "nothing": Sentence("nothing"),
}  # fmt: skip
LEGEND = Sentence(
    "▲ more, ▼ less than in the other cells of the room, by more than chance explains: only these are coloured. Where "
    "nothing differs, chance alone colours something in at most one of twenty maps. ≠ not compared: it was measured in "
    "another way, or nobody knows when."
)
LEFT_OUT = Sentence(
    "Only {number} expressions are shown, first those that most rooms have: the rooms' models name more.",
    {"number": MOST_LABELS},
)
COMPARED: dict[Kind, Sentence] = {
    "week": Sentence("Each cell is compared with all other cells of this room in this week."),
    "day": Sentence("Each cell is compared with the other cells of its room on this day."),
    "days": Sentence("Each cell is compared with the other days of its room in this week."),
    "term": Sentence("Each cell is compared with the other weeks of its room."),
    "lesson": Sentence(
        "Below each figure is its 90 % interval. Each is compared with the same lesson of earlier weeks in its room."
    ),
}
CAPTION = Sentence(
    "Coloured, with ▲ or ▼: differs from the other cells of its room by more than chance explains. Below each figure "
    "its 90 % interval."
)
ABSENT_LEGEND = Sentence(
    "“Withheld”: too few people for figures. “Too short”: less than ten minutes with figures, or figures in fewer than "
    "three stretches of five minutes. “Nothing”: nothing was recorded, or this was not measured. None of them is a "
    "zero."
)
ABSENT_LEGEND_OF_TERM = Sentence(
    "“Withheld”: too few people for figures. “Too short”: less than ten minutes with figures, or figures on fewer than "
    "three days. “Nothing”: nothing was recorded, or this was not measured. None of them is a zero."
)


def worth_showing(maps: list[Map]) -> list[Map]:
    """Those that a page or picture has room for: not of expressions that hardly any face had anywhere."""
    return [
        each
        for each in maps
        if each.measure in (FACES, FRONT)
        or any(
            cell.differs or (cell.figure and cell.figure.value >= WORTH_TELLING)
            for row in each.cells for cell in row if cell
        )
    ]  # fmt: skip


def legends(data: MapData, maps: list[Map]) -> list[Sentence]:
    """What cells are compared with, what their marks mean, and why there is none where there is none."""
    left_out = [LEFT_OUT] if some_left_out(data.grid, data.rooms) else []
    absent = ABSENT_LEGEND_OF_TERM if data.kind == "term" else ABSENT_LEGEND
    return [COMPARED[data.kind], LEGEND, absent, *left_out, *measured_differently(data, maps)]


def title_of(measure: str, words: Words) -> str:
    """What a map shows."""
    if measure == FACES:
        return words.translate("Faces in the picture")
    if measure == FRONT:
        return words.translate("Turned to the front")
    return words.say(Sentence("Looked {expression}", {"expression": adjective(measure)}))


def column_name(kind: Kind, column: Column, words: Words) -> str:
    """The head of a column."""
    if not isinstance(column, date):
        return column
    if kind == "term":
        return words.translate("week {n}", n=str(column.isocalendar().week))
    return words.short_day(column)


def value_text(value: float, measure: str, words: Words) -> str:
    """A figure for people."""
    return words.number(value, 1) if measure == FACES else words.percent(value)


def range_text(figure: Figure, measure: str, words: Words) -> str:
    """Its interval, rounded outward as in sentences."""
    if measure == FACES:
        low, high = (words.number(each, 1) for each in outward_tenths(figure.value, figure.low, figure.high)[1:])
        return words.translate("{first} to {last}", first=low, last=high)
    return words.share_range(figure.low, figure.high)


def empty_row(data: MapData, row: int, words: Words) -> str:
    """What stands once in a row in place of its cells, where nothing at all was recorded of it; else nothing."""
    room = next(each for each in data.sums if each.room == data.rooms[row])
    # Cells have nothing of what is outside of lessons, or only kept as sums of whole days.
    outside = room.days_only or (data.kind != "week" and room.totals.windows)
    if outside or any(each is not None and each.totals.windows for each in data.grid[row]):
        return ""
    if room.silent_since is None:
        return words.translate("nothing recorded")
    return words.translate("nothing since {day}", day=words.long_date(room.silent_since.date()))


def cell_text(cell: Cell | None, measure: str, words: Words) -> str:
    """What stands in a cell; nothing where there is no lesson."""
    if cell is None:
        return ""
    if cell.figure is None:
        return words.say(ABSENT[cell.state])
    value = value_text(cell.figure.value, measure, words)
    return f"{SYMBOLS[cell.state]} {value}" if cell.state in SYMBOLS else value
