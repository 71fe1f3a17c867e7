"""A recording of several rooms and days, whose lessons are a few simulated ones at other times."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.contract.payloads import WindowPayload
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import DeviceMessage
from edge.recording.database import Database
from edge.timing.timetable import Entry, Plan, Timetable
from tests.support.lessons import MONDAY
from tests.support.simulated_lessons import START, USUAL, SimulatedLesson

VIENNA = ZoneInfo("Europe/Vienna")
LESSONS = [
    Entry("1st", time(8, 0), time(8, 30)), Entry("2nd", time(8, 32), time(9, 2)),
    Entry("3rd", time(9, 10), time(9, 40)), Entry("4th", time(9, 45), time(10, 15)),
]  # fmt: skip
"""The second begins and ends within the five minutes of a roll-up."""
TIMETABLE = Timetable(VIENNA, [Plan(dict.fromkeys(range(5), LESSONS), {"room-2": {4: LESSONS[:3]}})])
TIMETABLE_TEXT = (
    "time_zone: Europe/Vienna\ndays:\n  monday: &usual\n"
    + "".join(f"    - {{name: {each.name}, from: {each.begin:%H:%M}, to: {each.end:%H:%M}}}\n" for each in LESSONS)
    + "".join(f"  {day}: *usual\n" for day in ("tuesday", "wednesday", "thursday", "friday"))
)
"""The same as a file, for every room."""
Key = tuple[str, int, int]
"""Room, number of the day from Monday on, number of the lesson."""


@cache
def usual(seed: int, people: int = 24, happy: float = USUAL["happy"]) -> tuple[WindowPayload, ...]:
    """Half an hour in windows of a minute."""
    rest = (1 - happy) / (1 - USUAL["happy"])
    mixture = {label: share * rest for label, share in USUAL.items()} | {"happy": happy}
    lesson = SimulatedLesson(seed, people=people, minutes=30, window=60, dwell=60, mixture=mixture)
    return tuple(lesson.payloads())


def record_school(
    path: Path, rooms: Iterable[str], days: int, special: Mapping[Key, tuple[WindowPayload, ...]] = {}
) -> Path:
    """Record lessons of some school days; those that are named in `special` are others, or empty."""
    database = Database(path, "classroom")
    database.start()
    for number, room in enumerate(rooms):
        seq = itertools.count(1)
        messages: list[DeviceMessage] = []
        for day in range(days):
            for lesson, entry in enumerate(LESSONS):
                date = (MONDAY + timedelta(days=day // 5 * 7 + day % 5)).date()
                start = datetime.combine(date, entry.begin, VIENNA)
                found = special.get((room, day, lesson), usual((number + 2 * day + lesson) % 7))
                windows = (moved(window, room, next(seq), start) for window in found)
                messages += [DeviceMessage(room, "window", window, "edge.window/2") for window in windows]
        database.store(messages, MONDAY)
    database.stop()
    return path


def moved(window: WindowPayload, room: str, seq: int, start: datetime) -> WindowPayload:
    """The same window in another lesson."""
    begin, end = (
        format_timestamp(start + (parse_timestamp(each) - START)) for each in (window.window.start, window.window.end)
    )
    span = window.window.model_copy(update={"start": begin, "end": end})
    return window.model_copy(update={"device": room, "seq": seq, "window": span})
