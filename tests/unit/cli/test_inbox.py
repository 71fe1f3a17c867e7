"""The inbox of `edge watch`: each window once, bounded memory, and untrusted messages."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cli.inbox import MAX_DEVICES, Inbox
from edge.cli.summary import line
from edge.contract.validation import MAX_PAYLOAD
from tests.support.watching import COUNTS, NOW, picture, room, send, stamp, state, window


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


def test_a_device_whose_clock_is_not_set_is_silent_once_no_window_comes() -> None:
    now = NOW.timestamp()
    inbox = Inbox("classroom", lambda: now)

    def status() -> str:
        return inbox.devices["room-1"].report(round(now * 1000)).status

    unset = {"coverage": 1.0, "too_small": 0, "clock_synced": False}
    send(inbox, seq=5, quality=unset)
    assert status() != "silent"
    now += 61
    assert status() == "silent"
    send(inbox, seq=6, quality=unset)
    assert status() != "silent"


def at(moment: datetime) -> dict[str, Any]:
    return {"start": stamp(moment - timedelta(seconds=10)), "end": stamp(moment), "seconds": 10.0}


def test_a_card_that_was_restored_is_shown_from_its_first_window_on() -> None:
    inbox = Inbox("classroom")
    for seq in range(100, 110):
        assert send(inbox, seq=seq, window=at(NOW + (seq - 200) * timedelta(seconds=10)))
    for seq in range(95, 112):
        end = NOW + (seq - 95) * timedelta(seconds=10)
        assert send(inbox, kind="latest", seq=seq, window=at(end)), "its number was used, the window is new"
        assert not send(inbox, kind="window", seq=seq, window=at(end))
        shown = inbox.devices["room-1"].window
        assert shown is not None
        assert (shown.seq, shown.window.end) == (seq, stamp(end))


def test_a_device_whose_numbers_and_clock_went_back_measures() -> None:
    now = NOW.timestamp()
    inbox = Inbox("classroom", lambda: now)
    unset = {"coverage": 1.0, "too_small": 0, "clock_synced": False}
    send(inbox, seq=500, window=at(NOW))
    for seq in range(3, 12):  # its card was restored from an image
        now += 10
        end = datetime.fromtimestamp(now, timezone.utc) - timedelta(days=1)
        for kind in ("window", "latest"):
            send(inbox, kind=kind, seq=seq, window=at(end), quality=unset)
        assert inbox.devices["room-1"].report(round(now * 1000)).status != "silent"
    now += 61
    assert inbox.devices["room-1"].report(round(now * 1000)).status == "silent"


def test_a_late_window_whose_clock_was_not_set_is_no_restored_card() -> None:
    inbox = Inbox("classroom")
    send(inbox, seq=5, window=at(NOW))
    wrong = {"coverage": 1.0, "too_small": 0, "clock_synced": False}
    assert send(inbox, seq=4, replayed=True, quality=wrong, window=at(NOW + timedelta(days=365)))
    assert send(inbox, seq=3, window=at(NOW - timedelta(seconds=10)))  # `latest` overtook it
    shown = inbox.devices["room-1"].window
    assert shown is not None
    assert shown.seq == 5


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
    {"window": {"start": stamp(NOW), "end": stamp(NOW), "seconds": float("inf")}, "frames": 0},  # never silent
    {"window": {"start": stamp(NOW), "end": stamp(NOW), "seconds": 1e300}},
)
HOSTILE = [
    b"{",
    b"\xff\xfe",
    b"[" * 60_000,
    b"null",
    b"{}",
    b" " * (MAX_PAYLOAD + 1),
    json.dumps(window()).encode() + b" " * MAX_PAYLOAD,
    *(json.dumps(window() | change).encode() for change in UNLIKELY),
]


def test_what_clears_a_topic_is_no_window_and_no_fault() -> None:
    inbox = room("room-1")
    before = picture(inbox)
    for kind in ("window", "latest"):
        for name in ("room-1", "room-2"):
            assert inbox.receive(f"classroom/{name}/{kind}", b"") is None
    assert inbox.invalid == 0
    assert picture(inbox) == before


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
    label = "[link=x]"
    inbox = room(name, counts={label: 3, "unknown": 0}, people={label: 1.0, "unknown": 0.0})
    inbox.receive(f"classroom/{name}/state", state("throttled", "[/] \x1b]0;title\x07 \u2066"))
    text = picture(inbox)
    assert "[red]a[b] ?b" in text
    assert "[link=x]" in text
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


@settings(max_examples=100)
@given(name=st.text(max_size=70), kind=st.sampled_from(["window", "latest", "state", "availability"]), data=st.binary())
def test_no_message_does_harm(name: str, kind: str, data: bytes) -> None:
    inbox = Inbox("classroom")
    inbox.receive(f"classroom/{name}/{kind}", data)
    inbox.receive(f"classroom/{name}/window", json.dumps(window(name)).encode())
    picture(inbox)


def test_a_device_that_is_taken_off_the_broker_is_gone() -> None:
    inbox = Inbox("classroom")
    topics = ("state", "availability", "health", "info")
    inbox.receive("classroom/room-1/state", state("running"))
    inbox.receive("classroom/room-1/availability", b"online")
    send(inbox)
    for topic in topics:
        inbox.receive(f"classroom/room-1/{topic}", b"")
    assert inbox.devices == {}
    for topic in topics:  # nor does clearing make one
        inbox.receive(f"classroom/room-2/{topic}", b"")
    assert inbox.devices == {}
    assert inbox.invalid == 0
    assert send(inbox), "it was installed again"


def test_a_device_that_sends_a_newer_version_is_not_silent() -> None:
    now = NOW.timestamp()
    inbox = Inbox("classroom", lambda: now)
    inbox.receive("classroom/room-1/state", state("running"))
    send(inbox)
    for _ in range(30):
        now += 10
        send(inbox, schema="edge.window/3")
        assert inbox.devices["room-1"].report(round(now * 1000)).status == "running"
    assert inbox.newer == {"room-1"}
    now += 70
    assert inbox.devices["room-1"].report(round(now * 1000)).status == "silent"


def test_a_window_without_a_frame_says_that_nothing_was_seen() -> None:
    inbox = Inbox("classroom")
    seen, unseen = send(inbox, seq=1, suppressed=True), send(inbox, seq=2, suppressed=True, frames=0)
    assert seen is not None
    assert unseen is not None
    assert "no figures: too few people" in line("classroom", seen)
    assert "no figures: nothing was seen" in line("classroom", unseen)
