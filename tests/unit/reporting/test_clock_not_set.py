"""Heat maps of rooms whose clock was not set: figures are shown, and none of them is compared."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from edge.contract.payloads import WindowPayload
from edge.recording.reader import Recording
from edge.reporting.heat_map import heat_map, masks_unknown, measures
from edge.reporting.map_data import MapData, maps_of
from edge.reporting.school_data import School
from tests.support.lessons import MONDAY
from tests.support.recorded_school import LESSONS, TIMETABLE, VIENNA, Key, record_school, usual

DAYS = 5
ALL = [("room-1", day, lesson) for day in range(DAYS) for lesson in range(len(LESSONS))]


def unset(seed: int) -> tuple[WindowPayload, ...]:
    """A lesson in which nothing set the clock of the device."""
    return tuple(
        each.model_copy(update={"quality": each.quality.model_copy(update={"clock_synced": False})})
        for each in usual(seed)
    )


def week(path: Path, *lessons: Key) -> MapData:
    """A week in which the clock was not set in some lessons."""
    special = {key: unset(number) for number, key in enumerate(lessons)}
    recording = Recording(record_school(path / "s.sqlite", ["room-1"], DAYS, special))
    recording.start()
    found = School(recording, ["room-1"], TIMETABLE, VIENNA, MONDAY + timedelta(days=14)).week("room-1", MONDAY.date())
    recording.stop()
    return found


def states(data: MapData) -> list[str]:
    return [cell.state for row in heat_map(data.grid, "happy", data.rooms) for cell in row if cell]


def test_a_lesson_whose_clock_was_not_set_is_compared_with_no_other(tmp_path: Path) -> None:
    data = week(tmp_path, ALL[0])
    assert states(data).count("other_conditions") == 1
    assert states(data).count("usual") == len(ALL) - 1


def test_a_room_whose_clock_was_never_set_has_figures_and_nothing_to_compare(tmp_path: Path) -> None:
    data = week(tmp_path, *ALL)
    assert "happy" in measures(data.grid, data.rooms)
    assert states(data) == ["other_conditions"] * len(ALL)
    assert not masks_unknown(data.grid, data.rooms)
    assert maps_of(data)
