"""A recording of the same lesson of some weeks, with a timetable: what the page of a lesson is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.contract.machine_messages import MachineInfo
from edge.contract.payloads import State
from edge.contract.validation import DeviceMessage
from edge.recording.database import Database
from tests.support.simulated_school import Classroom

LESSON = datetime(2026, 11, 20, 8, 0, tzinfo=ZoneInfo("Europe/Vienna"))  # a Friday
MINUTE, WEEK = timedelta(minutes=1), timedelta(weeks=1)
TIMETABLE = """\
time_zone: Europe/Vienna
days:
  thursday: [{name: 6th period, from: "13:00", to: "13:45"}]
  friday:
    - {name: 1st period, from: "08:00", to: "08:45"}
    - {name: 2nd period, from: "08:50", to: "09:35"}
holidays:
  - {name: Autumn holidays, from: 2026-10-26, to: 2026-11-01}
"""


def timetable(folder: Path, text: str = TIMETABLE) -> Path:
    """The file."""
    path = folder / "timetable.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def windows(
    start: datetime, seed: int, minutes: int = 45, room: str = "room-1", *, headcount: bool = False
) -> list[DeviceMessage]:
    """A lesson in windows of half a minute; the same seed makes the same."""
    classroom = Classroom(room, seed, seconds=30, headcount=headcount)
    epoch = f"{int(start.timestamp()):08x}"
    found = []
    for number in range(1, 2 * minutes + 1):
        window = classroom.window(number, start + number * MINUTE / 2).model_copy(update={"epoch": epoch})
        found.append(DeviceMessage(room, "window", window, "edge.window/2"))
    return found


def info(place: str | None, min_faces: int | None = None) -> DeviceMessage:
    """What a device says of itself; `place` tells what is hidden in its picture, `min_faces` what is withheld."""
    model = {"name": "m", "sha256": "0" * 64}
    told = {"version": "1", "models": {"faces": model}, "camera": "usb", "window_seconds": 30, "place": place}
    told["privacy"] = min_faces and {"min_faces": min_faces, "round_to": 1}
    return DeviceMessage("room-1", "info", MachineInfo.model_validate(told))


def record(path: Path, messages: list[DeviceMessage], now: datetime = LESSON) -> Path:
    """Store what came."""
    database = Database(path, "classroom")
    database.start()
    database.store(messages, now)
    database.stop()
    return path


def paused(start: datetime, room: str = "room-1") -> list[DeviceMessage]:
    """A lesson with a pause from its 20th to its 25th minute, and too few people from the 30th to the 33rd."""
    classroom, sent = Classroom(room, 1), windows(start, 1, room=room)
    states = [
        DeviceMessage(room, "state", State.model_validate(classroom.state(mode, why, start + at * MINUTE).model_dump()))
        for at, mode, why in ((20, "paused", "the button"), (25, "running", "resumed"))
    ]
    hidden = Classroom(room, 1, seconds=30)
    kept = []
    for number, message in enumerate(sent, 1):
        if 40 < number <= 50:
            continue
        window = hidden.window(number, start + number * MINUTE / 2, suppressed=60 < number <= 66)
        epoch = f"{int(start.timestamp()):08x}"
        kept.append(
            message._replace(content=window.model_copy(update={"epoch": epoch, "seq": number - 10 * (number > 50)}))
        )
    return [*states, *kept]


def weeks(path: Path, number: int = 6) -> Path:
    """So many Fridays with a 1st period, one of them in the holidays, the last one with gaps; and its 2nd period."""
    for week in range(1, number):
        record(path, windows(LESSON - week * WEEK, week))
    record(path, paused(LESSON))
    return record(path, windows(LESSON + 50 * MINUTE, 9))
