"""What a report of a school says first, and its table of rooms. Pure."""

from __future__ import annotations

from datetime import timedelta
from statistics import median_low

from edge.contract.labels import adjective
from edge.languages.words import Words
from edge.reporting.heat_map import Cell, masks_unknown
from edge.reporting.lesson_comparison import FACES, FALSE, figures, remaining
from edge.reporting.lesson_statistics import FRONT
from edge.reporting.map_data import Kind, Map, MapData, RoomSums
from edge.reporting.map_words import column_name, range_text, title_of, value_text, worth_showing
from edge.reporting.missing_words import missing_text
from edge.reporting.totals import Totals
from edge.text import Sentence, printable

MOST_TOLD = 5  # differences, of which the maps have the rest, or rooms that are left out
NOTHING = "-"
OWN_PLACE = Sentence(
    "Rooms are not compared with one another: each camera sees its room from a place of its own, and each room has "
    "people and lessons of its own."
)
MASKS_UNKNOWN = Sentence("Whether the same parts of the picture were hidden in all cells of a room is not known.")
MODELS = Sentence(
    "More than one model named the expressions in: {rooms}. The share of each expression is of the time of those "
    "models that can name it, so all shares together may be more than 100 %."
)
DAYS_ONLY = Sentence(
    "Days that are missing here, because only their sums are kept, in which lessons and hours cannot be told apart: "
    "{n}."
)
CLOCK_NOT_SET = Sentence(
    "Rooms with measurements that may be of another time, as the clock of the device was not set: {rooms}."
)
TWO_DEVICES = Sentence("Two devices sent under one name, or a clock was set back, so that figures are mixed: {rooms}.")
NO_DIFFERENCE: dict[Kind, Sentence] = {
    "week": Sentence("Nothing differs from the rest of this week by more than chance explains."),
    "day": Sentence("Nothing differs from the rest of this day by more than chance explains."),
    "days": Sentence("No day differs from the others of this week by more than chance explains."),
    "term": Sentence("No week differs from the others by more than chance explains."),
    "lesson": Sentence(
        "Where there are enough earlier lessons to compare with, nothing differs from them by more than chance "
        "explains."
    ),
}
"""Each names its comparison: a lesson like others of its day may be unlike the same lesson of other weeks."""
ONE_ARITHMETIC = Sentence("The figures are those of the reports of single rooms, added up from the same measurements.")


def describe_school(data: MapData, maps: list[Map], words: Words) -> list[Sentence]:
    """What was recorded, what was not, and what differs: only what chance does not explain, all maps together."""
    sums = [each.totals for each in data.sums]
    period = (data.end - data.start).total_seconds()
    short = _part(sums, [each.time.short for each in sums])
    few = _part(sums, [each.time.few for each in sums])
    found, expected = [], sum(each.expected for each in data.sums)
    if expected:
        found.append(
            Sentence(
                "Rooms that were recorded: {n} of {rooms}, {length} in all.",
                {
                    "n": sum(each.windows > 0 for each in sums),
                    "rooms": expected,
                    "length": words.length(sum(min(each.covered, period) for each in sums)),
                },
            )
        )
    found += _silent(data, words)
    if data.damaged:
        found.append(
            Sentence(
                "Rooms that are left out, because what was recorded of them is damaged: {rooms}.",
                {"rooms": names_of(data.damaged)},
            )
        )
    if few:
        share = words.percent(few)
        found.append(
            Sentence(
                "In {share} of the time there are no figures: too few people were in the picture.", {"share": share}
            )
        )
    if short:
        share = words.percent(short)
        found.append(
            Sentence("In {share} of the time there are no figures: the measurements were too short.", {"share": share})
        )
    missed = sum(each.missed or 0.0 for each in data.sums)
    if missed >= 60:
        found.append(Sentence("{length} of lessons were not recorded.", {"length": words.length(missed)}))
    return found + differences(data, maps, words)


def _silent(data: MapData, words: Words) -> list[Sentence]:
    """Rooms that have sent nothing since before, the newest first: a camera that is broken must not be forgotten."""
    found = sorted(
        ((each.silent_since, each.room) for each in data.sums if each.silent_since is not None), reverse=True
    )
    told = [
        Sentence(
            "{room} has sent nothing since {day}, and is not counted here.",
            {"room": printable(room), "day": words.long_date(last.date())},
        )
        for last, room in found[:MOST_TOLD]
    ]
    if others := len(found) - len(told):
        told.append(
            Sentence(
                "Other rooms that have sent nothing since before this time: {n}. The table of rooms says since when.",
                {"n": others},
            )
        )
    return told


def names_of(rooms: list[str]) -> str:
    """Rooms by name, or the first of them."""
    return ", ".join([*map(printable, rooms[:MOST_TOLD]), *(["..."] if len(rooms) > MOST_TOLD else [])])


def _part(rooms: list[Totals], milliseconds: list[int]) -> float:
    """The part of the recorded time that so much of each room is, 0..1.

    A room is as heavy as its time, and no heavier than the middle one, whatever it claims: as in PostgreSQL.
    """
    known = [
        (each, part / each.recorded / 1000) for each, part in zip(rooms, milliseconds, strict=True) if each.recorded
    ]
    if not known:
        return 0.0
    most = median_low(each.recorded for each, _ in known)
    weights = [min(each.recorded, most) for each, _ in known]
    return sum(weight * part for weight, (_, part) in zip(weights, known, strict=True)) / sum(weights)


def differences(data: MapData, maps: list[Map], words: Words) -> list[Sentence]:
    """The surest differences, or that there are none; and where something is not known, or missing."""
    found = _differences(data, maps, words)
    if masks_unknown(data.grid, data.rooms):
        found.append(MASKS_UNKNOWN)
    if rooms := [each.room for each in data.sums if each.totals.models > 1]:
        found.append(Sentence(MODELS.template, {"rooms": names_of(rooms)}))
    if rooms := [each.room for each in data.sums if each.totals.unsynced]:
        found.append(Sentence(CLOCK_NOT_SET.template, {"rooms": names_of(rooms)}))
    if rooms := [each.room for each in data.sums if each.totals.mixed]:
        found.append(Sentence(TWO_DEVICES.template, {"rooms": names_of(rooms)}))
    if days := len(data.days_only):
        found.append(Sentence(DAYS_ONLY.template, {"n": days}))
    return found


def room_rows(data: MapData, maps: list[Map], words: Words) -> list[tuple[str, ...]]:
    """Rows of the table of rooms: what was recorded, what was not, and figures with their intervals."""
    shown = [each.measure for each in worth_showing(maps)]
    return [(*_recorded(each, words), *(_figure(each, measure, words) for measure in shown)) for each in data.sums]


def room_head(maps: list[Map], words: Words) -> tuple[str, ...]:
    """Its columns."""
    return (
        words.translate("room"), words.translate("recorded"), words.translate("without figures"),
        words.translate("measurements missing"), words.translate("lessons not recorded"),
        *(title_of(each.measure, words) for each in worth_showing(maps)),
    )  # fmt: skip


def period_of(data: MapData, words: Words) -> str:
    """When, for the title."""
    first, last = data.start.date(), (data.end - timedelta(days=1)).date()
    if data.kind == "day":
        return words.day(first)
    return words.translate("{first} to {last}", first=words.month_day(first), last=words.long_date(last))


def _differences(data: MapData, maps: list[Map], words: Words) -> list[Sentence]:
    places = {
        (number, row, column): cell
        for number, each in enumerate(maps)
        for row, cells in enumerate(each.cells)
        for column, cell in enumerate(cells)
        if cell and cell.probability is not None
    }
    if not places:
        return [Sentence("There is too little to tell differences from chance.")] if maps else []
    # The maps are looked at together here, so chance is shared: first among the rooms, so that none can use up what is
    # another's by having many figures, then among the cells of a room in all maps.
    rooms: dict[str, dict[tuple[int, int, int], float]] = {}
    for place, cell in places.items():
        rooms.setdefault(data.rooms[place[1]], {})[place] = cell.probability or 0.0
    surely = [place for cells in rooms.values() for place in remaining(cells, FALSE / len(rooms))]
    told = sorted((p for p in surely if places[p].differs), key=lambda place: places[place].probability or 0.0)
    if not told:
        coloured = sum(cell.differs for cell in places.values())
        if not coloured:
            return [NO_DIFFERENCE[data.kind]]
        return [
            Sentence("Coloured cells: {n}. Among so many figures chance alone can colour that many.", {"n": coloured})
        ]
    found = [
        _difference(data, maps[number].measure, places[number, row, column], row, column, words)
        for number, row, column in told[:MOST_TOLD]
    ]
    if others := sum(cell.differs for cell in places.values()) - len(found):
        found.append(Sentence("Coloured besides, less surely: {n}.", {"n": others}))
    return found


def _recorded(each: RoomSums, words: Words) -> tuple[str, ...]:
    totals, missed = each.totals, each.missed
    nothing = words.translate("nothing")
    if each.silent_since is not None:
        nothing = words.translate("nothing since {day}", day=words.long_date(each.silent_since.date()))
    return (
        each.room,
        words.length(totals.covered) if totals.windows else nothing,
        words.percent(totals.withheld_seconds / totals.covered) if totals.covered else NOTHING,
        missing_text(totals, words) if totals.windows else NOTHING,
        NOTHING if missed is None else words.length(missed),
    )


def _figure(each: RoomSums, measure: str, words: Words) -> str:
    figure = figures(each.summary).get(measure)
    if figure is None:
        return NOTHING
    return f"{value_text(figure.value, measure, words)} ({range_text(figure, measure, words)})"


def _difference(data: MapData, measure: str, cell: Cell, row: int, column: int, words: Words) -> Sentence:
    when = column_name(data.kind, data.columns[column], words)
    if data.kind == "week":
        when = f"{when}, {data.rows[row]}"
    values: dict[str, int | float | str] = {
        "room": data.rooms[row],
        "when": when,
        "value": value_text(cell.figure.value if cell.figure else 0.0, measure, words),
        "usual": value_text(cell.usual or 0.0, measure, words),
    }
    if measure == FACES:
        return Sentence("{room}, {when}: {value} faces on average, otherwise {usual}.", values)
    if measure == FRONT:
        return Sentence("{room}, {when}: about {value} were turned to the front, otherwise {usual}.", values)
    values["expression"] = adjective(measure)
    return Sentence(
        "{room}, {when}: about {value} of the faces with a named expression looked {expression}, otherwise {usual}.",
        values,
    )
