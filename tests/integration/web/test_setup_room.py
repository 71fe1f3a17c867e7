"""`edge setup` keeps to the rules of the room as its file is now, whoever saved it, and not as it was at the start."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers import wait_for
from tests.support.setup_page import SetupPage, plain
from tests.support.snapshot_camera import SnapshotCamera, snapshot_camera

Edge = Callable[..., "subprocess.Popen[str]"]
ALWAYS = [{"from": "00:00", "to": "00:00"}]
CLOSED = "the schedule keeps the camera closed"


@pytest.fixture
def camera() -> Iterator[SnapshotCamera]:
    with snapshot_camera() as camera:
        yield camera


class Room:
    """A configuration with a camera, and the page for it."""

    def __init__(self, edge: Edge, camera: SnapshotCamera, folder: Path) -> None:
        self.edge, self.camera, self.file = edge, camera, folder / "c.yaml"
        self.write()
        self.page = SetupPage(edge("setup", "--config", str(self.file), "--port", "0"))

    def write(self, more: str = "", camera: str = "") -> None:
        """By hand, as an editor writes it."""
        self.file.write_text(
            f"mode: headcount\ncamera:\n  source: {self.camera.source}\n{camera}"
            f"privacy:\n  trust_clock: true\n  time_zone: UTC\n{more}"
        )

    def seen(self) -> tuple[dict[str, Any], bytes]:
        """What is said of the newest picture, and the picture; empty: there is none."""
        _, packed = self.page.ask("GET", "/newest?after=0")
        length = int.from_bytes(packed[:4], "big")
        return plain(json.loads(packed[4 : 4 + length])), packed[4 + length :]

    def wait_open(self) -> None:
        wait_for(lambda: bool(self.seen()[1]), 60, "a picture")

    def wait_closed(self, words: str) -> None:
        wait_for(lambda: words in self.seen()[0]["problem"], 60, words)
        asked = self.camera.pictures
        for _ in range(2):  # each waits for a second
            assert not self.seen()[1]
        assert self.camera.pictures == asked


@pytest.fixture
def room(edge: Edge, camera: SnapshotCamera, tmp_path: Path) -> Room:
    room = Room(edge, camera, tmp_path)
    room.wait_open()
    return room


def test_a_schedule_closes_the_camera_once_it_is_saved_and_opens_it_once_it_is_saved_without(room: Room) -> None:
    assert room.page.change(privacy__schedule=ALWAYS)[0] == 200
    room.wait_open()  # a draft is in force nowhere
    assert room.page.save()[0] == 200
    room.wait_closed(CLOSED)
    assert room.page.change("privacy.schedule")[0] == 200
    room.wait_closed(CLOSED)  # nor may whoever has the page open it by a draft
    assert room.page.save()[0] == 200
    room.wait_open()


def test_a_pause_holds_under_the_name_that_was_saved_and_under_that_of_before(room: Room) -> None:
    """The daemon that still runs has the old name, and the next one the new name."""
    old = room.file.read_text()
    room.page.change(device__name="aula")
    assert room.page.save()[0] == 200
    room.wait_open()
    room.edge("pause", "--config", str(room.file)).wait(60)
    room.wait_closed("this room is paused")
    room.edge("resume", "--config", str(room.file)).wait(60)
    room.wait_open()
    before = room.file.with_name("before.yaml")
    before.write_text(old)
    room.edge("pause", "--config", str(before)).wait(60)
    room.wait_closed("(under the name that it had before)")


def test_rules_that_somebody_writes_by_hand_hold_as_well_also_where_they_are_wrong(room: Room) -> None:
    room.write('  schedule: [{from: "00:00", to: "00:00"}]\n')
    room.wait_closed(CLOSED)
    room.write('  schedule: [{from: "25:00", to: "00:00"}]\n')
    room.wait_closed("correct it and save")
    room.write("  schedule: [\n")
    room.wait_closed("not valid YAML")
    room.write()
    room.wait_open()
    room.write('  schedule: [{from: "00:00", to: "00:00"}]\n')
    room.wait_closed(CLOSED)
    room.file.write_text("")  # some editors empty it, or move it away, before they write it
    room.wait_closed(CLOSED)
    room.file.unlink()
    room.wait_closed(CLOSED)


def test_masks_that_somebody_writes_by_hand_are_black_at_once(room: Room) -> None:
    before = len(room.seen()[1])
    room.write(camera="  masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]]\n")
    wait_for(lambda: 0 < len(room.seen()[1]) < before / 2, 60, "a black picture")
    status, told = room.page.save()
    assert (status, "changed by somebody else" in told["problem"]) == (422, True)
    assert room.page.save()[0] == 200


def test_a_new_name_takes_what_was_confirmed_of_the_masks_along_each_time(room: Room) -> None:
    def confirm() -> None:
        page = room.page
        assert page.post("/api/masks/confirm", {"revision": page.get("/api/state")["revision"]})[0] == 200
        assert page.save()[0] == 200

    assert room.page.change(camera__masks=[[[0, 0], [0.5, 0], [0.5, 0.5]]])[0] == 200
    confirm()
    room.page.change(device__name="aula", camera__rotation=180)
    confirm()  # of a picture that the file of the first name does not know
    room.page.change(device__name="yard")
    assert room.page.save()[0] == 200
    assert room.page.get("/api/state")["masks_confirmed"]
