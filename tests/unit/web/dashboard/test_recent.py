"""The last minutes of a room: whoever asks for them in a thousand ways has few copies made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from edge.errors import EdgeError
from edge.recording.reader import Recording
from edge.recording.window_record import WindowRecord
from edge.reporting import stretch
from edge.reporting.gaps import Gap
from edge.web.dashboard.lesson import Minutes, recent
from edge.web.dashboard.questions import MOST_OF_ONE, Questions
from edge.web.dashboard.recent import RecentMinutes
from edge.web.dashboard.school import School
from tests.support.recorded_weeks import LESSON, record, windows
from tests.support.simulated_school import Classroom

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)


class Watched(School):
    """Counts the copies of windows."""

    copies = 0

    def lesson(self, name: str, minutes: int, deaf: Sequence[Gap]) -> Callable[[], dict[str, Any]]:
        self.copies += 1
        return super().lesson(name, minutes, deaf)


def test_copies_are_made_one_at_a_time_and_for_few() -> None:
    school = Watched("classroom", 4, NOW.timestamp)
    school.receive("classroom/room-1/window", Classroom("room-1", 1).window(1, NOW).to_json())

    async def scene() -> None:
        questions = Questions(1, 4, "present")
        recent = RecentMinutes(school, questions)

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        request = Request({"type": "http", "client": ("192.0.2.1", 1)}, receive)
        asked = [asyncio.ensure_future(recent.ask(request, "room-1", minutes, [])) for minutes in range(1, 101)]
        await asyncio.sleep(0)
        assert school.copies == 1
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, Minutes) for each in told) == 1 + MOST_OF_ONE
        assert sum(isinstance(each, EdgeError) for each in told) == 99 - MOST_OF_ONE
        assert school.copies == 1 + MOST_OF_ONE
        assert await recent.ask(request, "room-2", 1, []) is None
        questions.stop()

    asyncio.run(scene())


class CountedWindows(Recording):
    """Knows how many windows were read."""

    read = 0

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[WindowRecord]:
        for window in super().windows(device, start, end):
            self.read += 1
            yield window


@pytest.mark.parametrize("rolled_up", [True, False])
def test_of_a_room_with_far_too_many_windows_few_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, rolled_up: bool
) -> None:
    start, end = LESSON - timedelta(minutes=15), LESSON + timedelta(minutes=45)
    recording = CountedWindows(record(tmp_path / "s.sqlite", windows(LESSON, 1)))
    recording.start()
    whole = recent(recording, "room-1", start, end)
    assert recording.read == 90
    monkeypatch.setattr(stretch, "MOST_WINDOWS", 50)
    if not rolled_up:  # as of a day with more roll-ups than an honest room has
        monkeypatch.setattr("edge.recording.rollup_reader.MOST_ROWS", 5)
    recording.read = 0
    few = recent(recording, "room-1", start, end)
    recording.stop()
    if rolled_up:
        assert {few[name] == whole[name] for name in ("mean", "front", "shares", "measured", "from", "to")} == {True}
        assert few["pieces"]
    assert recording.read <= 51
