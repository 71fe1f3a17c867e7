"""Every command that opens a camera leaves that of a paused room alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from edge.cli import COMMANDS
from tests.support.brokers import wait_for
from tests.support.reachability import reachable
from tests.support.setup_page import SetupPage
from tests.support.snapshot_camera import SnapshotCamera, snapshot_camera

Edge = Callable[..., "subprocess.Popen[str]"]
Look = Callable[..., str]


@pytest.fixture
def camera() -> Iterator[SnapshotCamera]:
    with snapshot_camera() as camera:
        yield camera


def said(process: subprocess.Popen[str], status: int = 0) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, out + err
    return " ".join(out.split())


def of_page(process: subprocess.Popen[str]) -> str:
    """Why the page shows no picture; empty: it shows one."""
    page = SetupPage(process)
    problems: list[str] = []

    def answered() -> bool:
        _, packed = page.ask("GET", "/newest?after=0")
        about = json.loads(packed[4 : 4 + int.from_bytes(packed[:4], "big")])
        problems[:] = [about["problem"]]
        return "faces" in about or bool(about["problem"])

    wait_for(answered, 60, "a picture, or why there is none")
    process.kill()
    process.wait()
    return problems[0]


LOOK: dict[str, Callable[[Edge, list[str]], str]] = {
    "check": lambda edge, words: said(edge("check", *words)),
    "support": lambda edge, words: said(edge("support", "--output", "-", *words)),
    "setup": lambda edge, words: of_page(edge("setup", "--port", "0", *words)),
    "preview": lambda edge, words: of_page(edge("preview", "--port", "0", *words)),
}
SCHEDULE = 'privacy={trust_clock: true, time_zone: UTC, schedule: [{from: "00:00", to: "00:00"}]}'


@pytest.mark.parametrize("command", LOOK)
def test_a_command_that_opens_a_camera_opens_none_in_a_pause(edge: Edge, camera: SnapshotCamera, command: str) -> None:
    words = ["--set", "mode=headcount", "--set", f"camera.source={camera.source}"]
    assert "closed" not in LOOK[command](edge, words)
    assert camera.pictures > 0  # nothing else keeps it from that
    camera.pictures = 0
    assert "the next one starts paused" in edge("pause", "--by", "Mrs Doe", *words).communicate(timeout=60)[1]
    answer = LOOK[command](edge, words)
    assert "this room is paused since" in answer
    assert ("Mrs Doe" in answer) == (command != "support")  # a support file goes to strangers
    assert camera.pictures == 0


def test_a_check_of_a_room_that_is_closed_has_neither_passed_nor_failed(edge: Edge, camera: SnapshotCamera) -> None:
    words = ["--set", "mode=headcount", "--set", f"camera.source={camera.source}", "--set", SCHEDULE]
    out, _ = (process := edge("check", *words)).communicate(timeout=120)
    assert process.returncode == 0
    lines = {line.split()[0]: line for line in out.splitlines()[1:] if line[:1].strip()}
    assert list(lines) == [
        "configuration",
        "models",
        "camera",
        "outbox",
        "broker",
        "privacy",
        "schedule",
        "clock",
        "place",
    ]
    assert " warning " in lines["camera"]
    assert "not tried: the schedule keeps the camera closed until" in lines["camera"]
    assert camera.pictures == 0
    assert "edge resume" in out


def test_a_pause_while_a_check_opens_its_camera_closes_it(edge: Edge, camera: SnapshotCamera) -> None:
    words = ["--set", "mode=headcount", "--set", f"camera.source={camera.source}", "--set", "camera.open_timeout=100"]
    camera.answers.clear()
    process = edge("check", *words)
    wait_for(lambda: camera.pictures > 0, 60, "the check to open the camera")
    assert "the next one starts paused" in edge("pause", "--by", "Mrs Doe", *words).communicate(timeout=60)[1]
    out, _ = process.communicate(timeout=60)  # though the camera has not answered
    assert "this room is paused since" in " ".join(out.split())
    assert camera.pictures == 1


def test_every_command_that_can_open_a_camera_is_among_them() -> None:
    """But for `run`, the daemon itself. `image` and `bench` read files."""
    found = {command for command in COMMANDS if "edge.cameras.supervisor" in reachable(f"edge.cli.{command}")}
    assert found == {"run", *LOOK}
