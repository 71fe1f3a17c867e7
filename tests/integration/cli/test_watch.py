"""`edge watch`: the picture, what hostile messages do to it, and the command against a real broker."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from rich.cells import cell_len
from rich.console import Console

from edge.cli.board import render
from edge.cli.inbox import MAX_DEVICES, Inbox
from edge.cli.summary import Device, line
from edge.contract.validation import MAX_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.contract.payloads import WindowPayload
    from tests.support.brokers import Broker

    StartEdge = Callable[..., subprocess.Popen[str]]

NOW = datetime(2026, 10, 4, 8, 15, 13, tzinfo=timezone.utc)
COUNTS = {"angry": 9, "disgust": 0, "fear": 4, "happy": 171, "neutral": 452, "sad": 38, "surprise": 52, "unknown": 41}
ONE_BAR = "█"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def window(device: str = "room-1", seq: int = 1, *, suppressed: bool = False, **changes: Any) -> dict[str, Any]:
    end = NOW - timedelta(seconds=3)
    shown: dict[str, Any] = {
        "faces": {"total": 767, "mean": 27.39, "min": 24, "max": 30},
        "counts": COUNTS,
        "people": {name: round(count / 28, 2) for name, count in COUNTS.items()},
    }
    hidden = {"faces": dict.fromkeys(shown["faces"]), "counts": None, "people": None}
    quality = {"coverage": 0.98, "too_small": None if suppressed else 0, "clock_synced": True}
    return {
        "schema": "edge.window/1",
        "device": device,
        "epoch": "6f1c9a2e",
        "seq": seq,
        "replayed": False,
        "window": {"start": stamp(end - timedelta(seconds=10)), "end": stamp(end), "seconds": 10.0},
        "frames": 28,
        "estimate": None,
        "suppressed": suppressed,
        "quality": quality,
        "model": {"faces": "f@000000000000", "emotions": "e@000000000000"},
        **(hidden if suppressed else shown),
        **changes,
    }


def state(mode: str, reason: str = "") -> bytes:
    return json.dumps({"mode": mode, "reason": reason, "since": stamp(NOW)}).encode()


def send(inbox: Inbox, device: str = "room-1", kind: str = "window", **changes: Any) -> WindowPayload | None:
    return inbox.receive(f"classroom/{device}/{kind}", json.dumps(window(device, **changes)).encode())


def room(*devices: str, **changes: Any) -> Inbox:
    inbox = Inbox("classroom")
    for device in devices:
        inbox.receive(f"classroom/{device}/availability", b"online")
        inbox.receive(f"classroom/{device}/state", state("running"))
        send(inbox, device, **changes)
    return inbox


def picture(inbox: Inbox, width: int = 80, height: int = 24, foot: str = "") -> str:
    """What the terminal shows; no line may be wider than it, and none too many."""
    console = Console(width=width, height=height, file=StringIO(), force_terminal=False)
    drawn = render(inbox.devices.values(), (width, height), NOW, prefix=inbox.prefix, head="edge watch", foot=foot)
    with console.capture() as capture:
        console.print(drawn)
    text = capture.get()
    assert all(cell_len(row) <= width for row in text.splitlines())
    assert len(text.splitlines()) <= height
    assert "\x1b" not in text
    return text


def bar_rows(text: str) -> list[str]:
    return [row for row in text.splitlines() if any(f" {name} " in row for name in COUNTS)]


@pytest.mark.parametrize("width", [80, 160])
def test_one_device_has_a_bar_per_emotion_in_fixed_order(width: int) -> None:
    text = picture(room("room-1"), width)
    assert "classroom/room-1" in text
    assert "● running" in text
    assert "08:15:10Z  age 3 s" in text
    assert "27.4 faces (24-30)" in text
    assert [row.split()[1] for row in bar_rows(text)] == list(COUNTS)
    neutral = next(row for row in bar_rows(text) if "neutral" in row)
    assert neutral.split()[-4:-1] == ["16.1", "59", "%"]
    assert neutral.count(ONE_BAR) == int((width - 4 - 23) * 452 / 767)
    assert next(row for row in bar_rows(text) if "disgust" in row).count(ONE_BAR) == 0


@pytest.mark.parametrize("width", [80, 160])
def test_suppressed_shows_no_figures_not_even_earlier_ones(width: int) -> None:
    inbox = room("room-1")
    send(inbox, seq=2, suppressed=True)
    for names in (("room-1",), ("room-1", *(f"other-{n}" for n in range(12)))):
        for name in names[1:]:
            send(inbox, name, suppressed=True)
        text = picture(inbox, width)
        assert "suppressed" in text
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
    assert "no figures of now" in text
    assert "neutral" not in text


def test_old_figures_are_dimmed() -> None:
    drawn = []
    for seconds in (10.0, 0.5):
        span = window()["window"] | {"seconds": seconds}
        console = Console(width=80, height=24, file=StringIO(), force_terminal=True, color_system="standard")
        inbox = room("room-1", window=span)
        with console.capture() as capture:
            console.print(render(inbox.devices.values(), (80, 24), NOW, prefix="classroom", head=""))
        drawn.append(capture.get())
    assert ["\x1b[2;37m" in text for text in drawn] == [False, True]


def test_what_limits_the_figures_is_said() -> None:
    quality = {"coverage": 0.899, "too_small": 31, "clock_synced": False}
    text = picture(room("room-1", quality=quality, replayed=True))
    assert "coverage 89 %, clock not synced, replayed, too small: 31 of 767" in text


@pytest.mark.parametrize(("seconds", "age"), [(-60, "in the future"), (-1, "age 0 s"), (119, "119 s"), (7300, "2 h")])
def test_age(seconds: int, age: str) -> None:
    end = NOW - timedelta(seconds=seconds)
    assert age in picture(room("room-1", window={"start": stamp(end), "end": stamp(end), "seconds": 10.0}))


def test_many_devices_share_the_terminal() -> None:
    rooms = [f"room-{n}" for n in range(1, 7)]
    text = picture(room(*rooms))
    assert all(f"classroom/{name} " in text for name in rooms)
    assert text.count("neutral 59 %") == 6
    assert "more" not in text
    assert picture(room(*rooms[:4]), 160).count("16.1") == 4  # full tiles, side by side


def test_very_many_devices_become_lines_and_the_rest_is_counted() -> None:
    inbox = room(*(f"room-{n}" for n in range(1, 61)))
    text = picture(inbox)
    assert len(text.splitlines()) == 24
    assert text.index("room-9 ") < text.index("room-10 ")
    assert "... and 16 more" in text
    assert picture(inbox, 160, 50).count("neutral 59 %") == 60


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 10), (39, 8), (400, 200)])
def test_any_size_of_terminal(size: tuple[int, int]) -> None:
    inbox = room("room-1", "room-2", "room-3")
    for devices in ([], list(inbox.devices.values())[:1], list(inbox.devices.values())):
        console = Console(width=size[0], height=size[1], file=StringIO())
        console.print(render(devices, size, NOW, prefix="classroom", head="edge watch"))


def test_nobody_there_yet() -> None:
    assert "waiting for a device to publish under classroom/" in picture(Inbox("classroom"))


def test_line_for_scripts() -> None:
    told = send(Inbox("classroom"), seq=7)
    assert told is not None
    assert line("classroom", told).startswith(
        "2026-10-04T08:15:10Z  classroom/room-1  #7  27.4 faces (24-30)  angry 0.3 (1 %)  disgust 0.0 (0 %)"
    )
    hidden = send(Inbox("classroom"), suppressed=True, replayed=True)
    assert hidden is not None
    assert line("classroom", hidden).endswith("#1  suppressed: too few people for figures  [replayed]")


def test_a_window_counts_once() -> None:
    inbox = Inbox("classroom")
    assert send(inbox, kind="latest", seq=5)
    assert not send(inbox, kind="window", seq=5)
    assert inbox.invalid == 0


def test_a_replayed_window_does_not_replace_a_newer_one() -> None:
    inbox = Inbox("classroom")
    send(inbox, seq=5)
    assert send(inbox, seq=4, replayed=True)  # told, but not shown
    early = {"start": stamp(NOW - timedelta(hours=1)), "end": stamp(NOW - timedelta(hours=1)), "seconds": 10.0}
    assert send(inbox, seq=9, epoch="00000001", replayed=True, window=early)
    shown = inbox.devices["room-1"].window
    assert shown is not None
    assert (shown.epoch, shown.seq) == ("6f1c9a2e", 5)
    send(inbox, seq=1, epoch="00000002")  # the outbox was created anew
    shown = inbox.devices["room-1"].window
    assert shown is not None
    assert shown.epoch == "00000002"


HUGE = 10**400
UNLIKELY: tuple[dict[str, Any], ...] = (
    {"device": "room-2"},
    {"seq": HUGE},
    {"seq": "1"},
    {"schema": "edge.window/2"},
    {"extra": 1},
    {"counts": None},
    {"people": None},
    {"counts": {"happy": HUGE}, "people": {"happy": 1.0}},
    {"people": dict.fromkeys(COUNTS, float("inf"))},
    {"people": dict.fromkeys(COUNTS, float("nan"))},
    {"people": {}},
    {"faces": {"total": 1, "mean": 1e300, "min": 1, "max": 1}},
    {"faces": {"total": 1, "mean": 1, "min": 1, "max": HUGE}},
    {"window": {"start": stamp(NOW), "end": "2026-99-99T99:99:99.999Z", "seconds": 10}},
)
HOSTILE = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 60_000,
    b"null",
    b"{}",
    b" " * (MAX_PAYLOAD + 1),
    json.dumps(window()).encode() + b" " * MAX_PAYLOAD,
    *(json.dumps(window() | change).encode() for change in UNLIKELY),
]


@pytest.mark.parametrize("payload", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_windows_are_counted_and_change_nothing(payload: bytes) -> None:
    inbox = room("room-1")
    before = picture(inbox)
    assert inbox.receive("classroom/room-1/window", payload) is None
    assert inbox.invalid == 1
    assert picture(inbox) == before


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("classroom/room-1/availability", b"\x1b[2J"),
        ("classroom/room-1/state", b'{"mode": "dancing", "reason": "", "since": "2026-10-04T08:15:00.000Z"}'),
        ("classroom/room\x1b[2J/availability", b"online"),
        ("classroom//availability", b"online"),
        (f"classroom/{'x' * 65}/availability", b"online"),
        ("classroom/a/b/availability", b"online"),
        ("other/room-1/availability", b"online"),
        ("availability", b"online"),
    ],
)
def test_hostile_topics_and_words(topic: str, payload: bytes) -> None:
    inbox = Inbox("classroom")
    inbox.receive(topic, payload)
    assert (inbox.invalid, inbox.devices) == (1, {})


def test_markup_and_marks_that_turn_text_around_are_only_text() -> None:
    name = "[red]a[b] \u202eb"
    label = "[link=x]\x1b[2J\u202e"
    inbox = room(name, counts={label: 3, "unknown": 0}, people={label: 1.0, "unknown": 0.0})
    inbox.receive(f"classroom/{name}/state", state("throttled", "[/] \x1b]0;title\x07 \u2066"))
    text = picture(inbox)
    assert "[red]a[b] ?b" in text
    assert "[link=x]?[2J" in text
    assert "throttled: [/] ?]0;title?" in text
    shown = inbox.devices[name].window
    assert shown is not None
    for told in (text, line("classroom", shown)):
        assert not any(mark in told for mark in ("\x1b", "\x07", "\u202e", "\u2066"))


def test_only_so_many_devices_are_kept() -> None:
    inbox = Inbox("classroom")
    for number in range(MAX_DEVICES + 10):
        send(inbox, f"room-{number}")
    assert len(inbox.devices) == MAX_DEVICES
    assert inbox.full
    assert "more" in picture(inbox)


def test_memory_per_device_has_a_limit() -> None:
    inbox = Inbox("classroom")
    for seq in range(1, 1500):
        end = stamp(NOW - timedelta(seconds=10 * (1500 - seq)))
        send(inbox, seq=seq, window={"start": end, "end": end, "seconds": 10.0})
    assert len(inbox.devices["room-1"].means) == 60
    assert "▇" in picture(inbox, 160) or "█" in picture(inbox, 160)


@settings(max_examples=100, deadline=None)
@given(name=st.text(max_size=70), kind=st.sampled_from(["window", "latest", "state", "availability"]), data=st.binary())
def test_no_message_does_harm(name: str, kind: str, data: bytes) -> None:
    inbox = Inbox("classroom")
    inbox.receive(f"classroom/{name}/{kind}", data)
    inbox.receive(f"classroom/{name}/window", json.dumps(window(name)).encode())
    picture(inbox)


def test_many_labels_do_not_break_the_tile() -> None:
    labels = [f"label {number}" for number in range(60)] + ["unknown"]
    inbox = room("room-1", counts=dict.fromkeys(labels, 7), people=dict.fromkeys(labels, 0.3))
    assert inbox.invalid == 0
    assert picture(inbox).count(" 0.3 ") == 12
    inbox.receive("classroom/room-2/availability", b"online")
    picture(inbox, 40)


def test_device_without_any_word() -> None:
    assert Device("room-1").status == "no status"


def publish(port: int, messages: list[tuple[str, bytes, bool]]) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload, retain in messages:
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def address(port: int) -> str:
    return f"mqtt://127.0.0.1:{port}"


def test_once_prints_the_retained_window_of_every_device(broker: int, edge: StartEdge) -> None:
    messages = [(f"classroom/{name}/latest", json.dumps(window(name)).encode(), True) for name in ("room-1", "room-2")]
    publish(broker, [*messages, ("classroom/room-3/availability", b"offline", True)])
    out, err = edge("watch", "--broker", address(broker), "--once").communicate(timeout=30)
    assert [row.split()[1] for row in out.splitlines()] == ["classroom/room-1", "classroom/room-2"]
    assert err == ""
    names = ("--device", "room-2", "--device", "room-9")
    process = edge("watch", "--broker", address(broker), "--once", *names, "--timeout", "2")
    out, err = process.communicate(timeout=30)
    assert out.count("classroom/room-2") == len(out.splitlines()) == 1
    assert "no window from room-9 in 2 s" in err
    assert process.returncode == 1


def test_once_fails_when_nothing_comes(broker: int, edge: StartEdge) -> None:
    process = edge("watch", "--broker", address(broker), "--once", "--timeout", "1")
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 1)
    assert "no window from any device in 1 s" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_lines_until_interrupted(broker: int, edge: StartEdge, number: int) -> None:
    process = edge("watch", "--broker", address(broker))
    assert process.stdout is not None
    publish(broker, [("classroom/room-1/latest", json.dumps(window(seq=1)).encode(), True)])
    assert "#1" in process.stdout.readline()  # it is connected
    publish(
        broker,
        [
            ("classroom/room-1/window", json.dumps(window(seq=1)).encode(), False),
            ("classroom/room-1/window", b"\x1b[2J{", False),
            ("classroom/room-1/window", json.dumps(window(seq=2)).encode(), False),
        ],
    )
    second = process.stdout.readline()
    assert "#2" in second
    assert "\x1b" not in second
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 0)
    assert err == "edge: 1 invalid message\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_is_left_as_it_was(broker: int, number: int) -> None:
    publish(broker, [("classroom/room-1/latest", json.dumps(window()).encode(), True)])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edge", "watch", "--broker", address(broker)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        drawn = b""
        while b"faces (24-30)" not in drawn:
            drawn += os.read(ours, 65536)
        process.send_signal(number)
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while more := os.read(ours, 65536):
                drawn += more
        assert process.wait(10) == 0
    os.close(ours)
    assert drawn.count(b"\x1b[?1049h") == drawn.count(b"\x1b[?1049l") == 1
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")


def test_refused_by_the_broker(start_broker: Callable[..., Broker], edge: StartEdge) -> None:
    process = edge("watch", "--broker", address(start_broker("allow_anonymous false").port))
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 77)
    assert "refuses a client without user name" in err


@pytest.mark.parametrize("arguments", [("--device", "a/b"), ("--prefix", "#"), ("--broker", "example.org")])
def test_wrong_usage(edge: StartEdge, arguments: tuple[str, str]) -> None:
    process = edge("watch", *arguments)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"argument {arguments[0]}" in err
