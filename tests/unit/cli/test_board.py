"""The picture of `edge watch`: bars, states, ages, sizes of terminals."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from edge.cli.board import render
from edge.cli.inbox import Inbox
from edge.cli.summary import Device, line
from tests.support.watching import COUNTS, NOW, VIEW, picture, room, send, stamp, state, window

ONE_BAR = "█"
ORDER = ["happy", "surprised", "neutral", "sad", "afraid", "disgusted", "angry", "unknown"]
NAMED = sum(COUNTS.values()) - COUNTS["unknown"]


def bar_rows(text: str) -> list[str]:
    return [row for row in text.splitlines() if any(f" {name} " in row for name in ORDER)]


@pytest.mark.parametrize("width", [80, 160])
def test_one_device_has_a_bar_per_emotion_in_fixed_order(width: int) -> None:
    text = picture(room("room-1"), width)
    assert "classroom/room-1" in text
    assert "● running" in text
    assert "08:15:10Z  age 3 s" in text
    assert "27.4 faces (24-30)" in text
    assert [row.split()[1] for row in bar_rows(text)] == ORDER
    neutral = next(row for row in bar_rows(text) if "neutral" in row)
    assert neutral.split()[-4:-1] == ["16.1", "62", "%"]
    assert neutral.count(ONE_BAR) == round(8 * (width - 4 - 23) * COUNTS["neutral"] / NAMED) // 8
    assert next(row for row in bar_rows(text) if "disgusted" in row).count(ONE_BAR) == 0


@pytest.mark.parametrize("width", [80, 160])
def test_suppressed_shows_no_figures_not_even_earlier_ones(width: int) -> None:
    inbox = room("room-1")
    send(inbox, seq=2, suppressed=True)
    for names in (("room-1",), ("room-1", *(f"other-{n}" for n in range(12)))):
        for name in names[1:]:
            send(inbox, name, suppressed=True)
        text = picture(inbox, width)
        assert "too few people" in text
        assert not any(mark in text for mark in ("27.4", "faces (", "%", ONE_BAR, "neutral"))


@pytest.mark.parametrize(
    ("mode", "word"),
    [("paused", "■ paused: button"), ("camera_lost", "▲ camera lost: button"), ("throttled", "● throttled: button")],
)
def test_states(mode: str, word: str) -> None:
    inbox = room("room-1")
    inbox.receive("classroom/room-1/state", state(mode, "button"))
    assert word in picture(inbox)


def test_offline_outranks_the_last_state() -> None:
    inbox = room("room-1")
    inbox.receive("classroom/room-1/availability", b"offline")
    text = picture(inbox)
    assert "○ offline" in text
    assert "running" not in text
    assert "no current figures" in text
    assert "neutral" not in text


def test_old_figures_are_dimmed() -> None:
    drawn = []
    for seconds in (10.0, 0.5):
        span = window()["window"] | {"seconds": seconds}
        console = Console(width=80, height=24, file=StringIO(), force_terminal=True, color_system="truecolor")
        inbox = room("room-1", window=span)
        with console.capture() as capture:
            console.print(render(inbox.devices.values(), (80, 24), NOW, prefix="classroom", head="", view=VIEW))
        drawn.append(capture.get())
    neutral = "2;38;2;123;140;153m"  # dim, and the colour of its bar
    assert [neutral in text for text in drawn] == [False, True]


def test_what_limits_the_figures_is_said() -> None:
    quality = {"coverage": 0.899, "too_small": 31, "clock_synced": False}
    text = picture(room("room-1", quality=quality, replayed=True))
    assert "coverage 89 %, clock not set, replayed, too small: 31 of 767" in text


@pytest.mark.parametrize(("seconds", "age"), [(-60, "in the future"), (-1, "age 0 s"), (119, "119 s"), (7300, "2 h")])
def test_age(seconds: int, age: str) -> None:
    end = NOW - timedelta(seconds=seconds)
    assert age in picture(room("room-1", window={"start": stamp(end), "end": stamp(end), "seconds": 10.0}))


def test_many_devices_share_the_terminal() -> None:
    rooms = [f"room-{n}" for n in range(1, 7)]
    text = picture(room(*rooms))
    assert all(f"classroom/{name} " in text for name in rooms)
    assert text.count("neutral 62 %") == 6
    assert "more" not in text
    assert picture(room(*rooms[:4]), 160).count("16.1") == 4  # full tiles, side by side


def test_very_many_devices_become_lines_and_the_rest_is_counted() -> None:
    inbox = room(*(f"room-{n}" for n in range(1, 61)))
    text = picture(inbox)
    assert len(text.splitlines()) == 24
    assert text.index("room-9 ") < text.index("room-10 ")
    assert "... and 16 more" in text
    assert picture(inbox, 160, 50).count("neutral 62 %") == 60


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 10), (39, 8), (400, 200)])
def test_any_size_of_terminal(size: tuple[int, int]) -> None:
    inbox = room("room-1", "room-2", "room-3")
    for devices in ([], list(inbox.devices.values())[:1], list(inbox.devices.values())):
        console = Console(width=size[0], height=size[1], file=StringIO())
        console.print(render(devices, size, NOW, prefix="classroom", head="edge watch", view=VIEW))


def test_nobody_there_yet() -> None:
    assert "waiting for a device to publish under classroom/" in picture(Inbox("classroom"))


def test_line_for_scripts() -> None:
    told = send(Inbox("classroom"), seq=7)
    assert told is not None
    assert line("classroom", told).startswith(
        "2026-10-04T08:15:10Z  classroom/room-1  #7  27.4 faces (24-30)  happy 6.1 (24 %)  surprised 1.9 (7 %)"
    )
    assert line("classroom", told).endswith("unknown 1.5  counted")
    hidden = send(Inbox("classroom"), suppressed=True, replayed=True)
    assert hidden is not None
    assert line("classroom", hidden).endswith("#1  no figures: too few people  [replayed]")


def test_many_labels_do_not_break_the_tile() -> None:
    labels = [f"label {number}" for number in range(60)] + ["unknown"]
    inbox = room("room-1", counts=dict.fromkeys(labels, 7), people=dict.fromkeys(labels, 0.3))
    assert inbox.invalid == 0
    assert picture(inbox).count(" 0.3 ") == 12 + 1  # and the unknown
    inbox.receive("classroom/room-2/availability", b"online")
    picture(inbox, 40)


def test_device_without_any_word() -> None:
    assert Device("room-1").status == "no status"
