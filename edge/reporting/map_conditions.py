"""Why cells of heat maps were measured in another way than most of their room, in sentences. Pure."""

from __future__ import annotations

from edge.reporting.lesson_comparison import Conditions
from edge.reporting.map_data import Map, MapData
from edge.text import Sentence

MOST = 10  # sentences
WHY = {
    "mode": Sentence("≠ in {room}: something else was measured."),
    "faces": Sentence("≠ in {room}: another model found the faces."),
    "emotions": Sentence("≠ in {room}: another model named the expressions."),
    "pose": Sentence("≠ in {room}: another rule decided which faces are turned to the front."),
    "masks": Sentence(
        "≠ in {room}: another camera was used, other parts of the picture were hidden, or faces were named by other "
        "limits."
    ),
    "place": Sentence("≠ in {room}: the camera was in another place."),
    "policy": Sentence("≠ in {room}: other figures were withheld, or they were rounded otherwise."),
    "clock_set": Sentence("≠ in {room}: the clock of the device was not set, so the time may be another one."),
    "one_device": Sentence(
        "≠ in {room}: two devices sent under this name, or its clock was set back, so figures are mixed."
    ),
    "daily": Sentence(
        "≠ in {room}: on a day there are figures for less than half as long as in most weeks, "
        "or more than twice as long."
    ),
    "steady": Sentence("≠ in {room}: how it was measured changed within the time of a cell."),
    "unknown": Sentence("≠ in {room}: nobody knows how it was measured."),
    "basis": Sentence("≠ in {room}: of some cells the shares are estimates, of others only counts."),
}
"""By the attribute of `Conditions`, or what else differs."""


def measured_differently(data: MapData, maps: list[Map]) -> list[Sentence]:
    """What differs in the cells marked ≠: each room and reason once."""
    found: dict[tuple[str, str], None] = {}
    for each in maps:
        usual: dict[str, Conditions | None] = {}
        others: list[tuple[str, Conditions | None]] = []
        for row, cells in enumerate(each.cells):
            for column, cell in enumerate(cells):
                measured = data.grid[row][column]
                if cell is None or measured is None or cell.figure is None:
                    continue
                if cell.state == "other_conditions":
                    others.append((data.rooms[row], measured.conditions))
                else:
                    usual[data.rooms[row]] = measured.conditions
        for room, conditions in others:
            found[room, _differing(usual.get(room), conditions)] = None
    return [Sentence(WHY[name].template, {"room": room}) for room, name in list(found)[:MOST]]


def _differing(usual: Conditions | None, other: Conditions | None) -> str:
    if other is not None and not other.clock_set:
        return "clock_set"
    if other is not None and not other.one_device:
        return "one_device"
    if other is not None and usual is None and not other.steady:
        return "steady"
    if usual is None or other is None:
        return "unknown"
    return usual.differing(other) or "basis"
