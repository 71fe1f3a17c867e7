"""What is deleted on request from a recording is forgotten by the page that shows it."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.recording.database import Database
from edge.recording.deletion import Eraser
from edge.web.dashboard.deletions import Deletions
from edge.web.dashboard.past import Past
from edge.web.dashboard.school import School
from tests.support.simulated_school import Classroom

NOW = datetime(2026, 10, 4, 8, 15, 0, tzinfo=timezone.utc)
ROOMS = ("room-1", "room-2", "room-3")


class Page:
    """One that has heard some windows of each room, beside a recording of which something is deleted."""

    def __init__(self, path: Path) -> None:
        recording = Database(path, "classroom")
        recording.start()
        recording.stop()
        self.path, self.asked = path, NOW
        self.school = School("classroom", 4, NOW.timestamp)
        self.past = Past(path, None, timezone.utc)
        self.deletions = Deletions(self.past, self.school)
        for name in ROOMS:
            self.hear(name)

    def hear(self, name: str) -> None:
        for seq in range(1, 11):
            sent = Classroom(name, 1).window(seq, NOW - seq * timedelta(minutes=1))
            self.school.receive(f"classroom/{name}/window", sent.to_json())

    def delete(self, name: str) -> None:
        self.asked += timedelta(seconds=1)
        eraser = Eraser(self.path)
        eraser.start()
        try:
            eraser.delete(name, NOW - timedelta(hours=1), NOW, "anna", self.asked)
        finally:
            eraser.stop()

    def shown(self) -> list[str]:
        """The rooms of which something is shown, once the page has looked."""
        asyncio.run(self.deletions.look(self.past))
        return [name for name in ROOMS if self.school.lesson(name, 60, [])()["measured"]]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path / "school.sqlite")


def test_one_after_the_other(page: Page) -> None:
    assert page.shown() == list(ROOMS)
    page.delete("room-1")
    assert page.shown() == ["room-2", "room-3"]
    page.delete("room-3")
    assert page.shown() == ["room-2"]
    for name in ROOMS:
        page.hear(name)
    assert page.shown() == ["room-2"], "it came again"


def test_a_look_at_the_same_changes_nothing(page: Page) -> None:
    page.delete("room-1")
    page.shown()
    changes = page.school.changes
    page.shown()
    assert page.school.changes == changes


@pytest.mark.parametrize("before", [0, 1])  # deleted when the backup was made
@pytest.mark.parametrize("looks", [False, True])  # between the backup and what is deleted then
def test_after_a_backup_was_put_back_in_which_the_numbers_begin_lower(page: Page, before: int, *, looks: bool) -> None:
    for name in ROOMS[:before]:
        page.delete(name)
    backup = page.path.with_name("backup.sqlite")
    shutil.copy(page.path, backup)
    page.delete(ROOMS[before])
    assert page.shown() == list(ROOMS[before + 1 :])
    for each in page.path.parent.glob("school.sqlite*"):
        each.unlink()
    shutil.copy(backup, page.path)
    if looks:
        page.shown()
    page.delete("room-3")
    assert "room-3" not in page.shown()
