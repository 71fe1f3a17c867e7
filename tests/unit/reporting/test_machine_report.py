"""What a technician is told: troubles with remedies, facts, the order of the rooms, and bounds for a hostile one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from edge import __version__
from edge.contract.alerts import ALERTS
from edge.contract.examples import ALERT, HEALTH, INFO, WINDOW
from edge.contract.machine_messages import read_machine_message
from edge.contract.payloads import Payload, RunMode, State, WindowPayload
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.reporting.machine import MAX_ALERTS, MAX_PROBLEM, Machine
from edge.reporting.machine_report import MachineReport, Room, in_order, matches, report, versions, words_of
from edge.reporting.power import power

NOW = round(parse_timestamp(WINDOW.window.end).timestamp() * 1000) + 3000
HOUR = 3_600_000


def said(machine: Machine, kind: str, payload: bytes) -> Machine:
    machine.take(read_machine_message("classroom", f"classroom/room-1/{kind}", payload), NOW)
    return machine


def machine(*alerts: str, health: dict[str, Any] | None = None, info: dict[str, Any] | None = None) -> Machine:
    found = said(Machine(), "info", changed(INFO, info or {}))
    said(found, "health", changed(HEALTH, health or {}))
    for name in alerts:
        said(found, f"alert/{name}", ALERT.to_json())
    return found


def changed(payload: Payload, changes: dict[str, Any]) -> bytes:
    return payload.model_copy(update=changes).to_json()


def room(
    name: str = "room-1",
    mode: RunMode = "running",
    of: Machine | None = None,
    *,
    online: bool | None = True,
    window: WindowPayload | None = WINDOW,
) -> Room:
    state = State(mode=mode, reason="board at 84 °C", since="2026-10-04T08:00:00.000Z")
    about = of or machine()
    if window is not None:
        about.hear(window, NOW)
    return Room(name, online, state, about, first=NOW - HOUR)


def told(shown: MachineReport) -> list[tuple[str, str]]:
    return [(trouble.level, trouble.id) for trouble in shown.troubles]


@pytest.mark.parametrize("mode", ["paused", "camera_lost"])
def test_a_paused_room_that_says_nothing_of_itself_any_more_is_silent(mode: RunMode) -> None:
    known = room(mode=mode)
    assert report(known, NOW + 2 * HOUR).status == mode
    gone = report(known, NOW + 2 * HOUR + 90_000)
    assert (gone.status, ("bad", "silent") in told(gone)) == ("silent", True)
    assert "said nothing for two hours" in str(gone.troubles[0].problem)
    older = room(mode=mode, of=Machine())  # that says nothing of itself anyway
    assert report(older, NOW + 9 * HOUR).status == mode
    before = room(mode=mode, of=said(Machine(), "info", INFO.to_json()))  # it was gone when this reader started
    assert report(before, before.first + 2 * HOUR).status == mode
    assert report(before, before.first + 2 * HOUR + 90_000).status == "silent"


def test_what_the_broker_keeps_of_a_room_is_no_sign_of_life() -> None:
    known = room(mode="paused")
    for changes, status in (({}, "silent"), ({"time": "2026-10-04T11:00:00.000Z"}, "paused")):
        message = read_machine_message("classroom", "classroom/room-1/health", changed(HEALTH, changes))
        known.machine.take(message, NOW + 2 * HOUR)
        assert report(known, NOW + 3 * HOUR).status == status


def test_a_room_without_trouble_says_how_its_machine_is() -> None:
    shown = report(room(), NOW)
    assert (shown.level, shown.status, shown.troubles) == ("good", "running", [])
    assert {fact.key: str(fact.text) for fact in shown.facts} == {
        "frames": "2.8 per second", "temperature": "61.8 °C", "power": "good", "unsent": "none", "clock": "set",
        "disk": "21.8 GB free", "version": "0.1.0", "camera": "usb",
        "models": "yunet-2023mar-1280x736-int8@e28c6482, mobilenet-v4-forked-48@a2e55d98, front-landmarks-1@d275bef1",
    }  # fmt: skip
    assert shown.seen == NOW - 590  # its health


def test_an_alert_comes_with_its_remedy() -> None:
    (trouble,) = report(room(of=machine("disk")), NOW).troubles
    assert (trouble.id, trouble.problem, trouble.remedy) == ("alert/disk", ALERT.problem, ALERT.remedy)
    assert trouble.since == round(parse_timestamp(ALERT.since).timestamp() * 1000)
    assert report(room(of=said(machine("disk"), "alert/disk", b"")), NOW).troubles == []


UNSYNCED = WINDOW.model_copy(update={"quality": WINDOW.quality.model_copy(update={"clock_synced": False})})


@pytest.mark.parametrize(
    ("known", "troubles"),
    [
        (room(online=False), [("bad", "offline")]),
        (room(mode="camera_lost"), [("bad", "camera_lost")]),
        (room(mode="camera_lost", of=machine("camera")), [("bad", "alert/camera")]),
        (room(mode="throttled"), [("warn", "throttled")]),
        (room(window=None), [("bad", "silent")]),
        (room(mode="paused", window=None), []),
        (room(window=UNSYNCED), [("warn", "clock")]),
        (room(of=machine(health={"temperature_c": 81.0})), [("warn", "temperature")]),
        (
            room(mode="throttled", of=machine(health={"temperature_c": 85.0, "throttled_bits": 4})),
            [("warn", "throttled")],
        ),
        (room(of=machine(health={"disk_free_mb": 90.0})), [("warn", "disk")]),
        (room(of=machine(health={"outbox_depth": 6})), []),
        (room(of=machine(health={"outbox_depth": 7})), [("warn", "unsent")]),
        (room(of=machine(health={"under_voltage": True})), [("bad", "power")]),
        (room(of=machine("hardware", health={"under_voltage": True})), [("bad", "alert/hardware")]),
        (room(mode="paused", of=machine("hardware"), window=None), [("bad", "alert/hardware")]),  # for its clock
        (room(of=machine("hardware", health={"throttled_bits": 2})), [("bad", "alert/hardware"), ("warn", "power")]),
        (room(of=machine("disk", health={"disk_free_mb": 90.0})), [("bad", "alert/disk"), ("warn", "disk")]),
    ],
)
def test_troubles(known: Room, troubles: list[tuple[str, str]]) -> None:
    shown = report(known, NOW)
    assert told(shown) == troubles
    assert all(str(trouble.problem) and str(trouble.remedy) for trouble in shown.troubles)
    assert shown.level == (troubles[0][0] if troubles else "good")


def test_a_room_without_windows_is_given_time() -> None:
    known = room(window=None)
    known.first = NOW - 59_000
    assert report(known, NOW).troubles == []
    assert told(report(known, NOW + 2000)) == [("bad", "silent")]
    assert told(report(room(), NOW + 33_000)) == [("bad", "silent")]
    assert told(report(room(), NOW + 31_000)) == []


@pytest.mark.parametrize("years", [-5, 5])
def test_a_room_whose_clock_is_not_set_is_silent_once_no_window_comes(years: int) -> None:
    end = f"{2026 + years}{UNSYNCED.window.end[4:]}"
    known = room(window=UNSYNCED.model_copy(update={"window": UNSYNCED.window.model_copy(update={"end": end})}))
    assert told(report(known, NOW + 31_000)) == [("warn", "clock")]
    assert told(report(known, NOW + 33_000)) == [("bad", "silent"), ("warn", "clock")]


def test_a_window_that_was_retained_is_as_old_as_it_says() -> None:
    known = room()
    known.machine.heard = NOW + HOUR  # by a program that was started then
    assert told(report(known, NOW + HOUR)) == [("bad", "silent")]


def numbered(seq: int, seconds: float, *, synced: bool = False, replayed: bool = False) -> WindowPayload:
    """A window with that number, which begins so many seconds after the example, by the clock of the device."""
    begin = parse_timestamp(WINDOW.window.start) + timedelta(seconds=seconds)
    span = WINDOW.window.model_copy(
        update={
            "start": format_timestamp(begin),
            "end": format_timestamp(begin + timedelta(seconds=WINDOW.window.seconds)),
        }
    )
    quality = WINDOW.quality.model_copy(update={"clock_synced": synced})
    return WINDOW.model_copy(update={"seq": seq, "window": span, "quality": quality, "replayed": replayed})


@pytest.mark.parametrize("synced", [True, False])
def test_a_live_window_shows_that_a_room_measures_whatever_its_number_and_clock(*, synced: bool) -> None:
    """Of a card that was restored from an image, with a clock that is behind, both went back."""
    known, now = room(window=numbered(500, 0, synced=synced)), NOW
    for seq in range(3, 12):
        now += 10_000
        known.machine.hear(numbered(seq, 10 * seq - 86_400), now)
        assert told(report(known, now)) == [("warn", "clock")]
    known.machine.hear(numbered(11, 110 - 86_400), now + 60_000)  # retained, or by the other topic
    known.machine.hear(numbered(8, 80 - 86_400, replayed=True), now + 60_000)
    assert told(report(known, now + 61_000)) == [("bad", "silent"), ("warn", "clock")]


def test_what_nobody_said_is_not_known_and_no_trouble() -> None:
    shown = report(Room("room-1", True, None, Machine(), NOW), NOW)
    assert (shown.level, shown.status, shown.seen, shown.version) == ("good", "online", None, "")
    assert {fact.text for fact in shown.facts} == {None}
    ahead = WINDOW.model_copy(update={"window": WINDOW.window.model_copy(update={"end": "2036-01-01T00:00:00.000Z"})})
    wrong = Machine()
    wrong.hear(ahead, NOW)
    assert report(Room("room-1", True, None, wrong, NOW), NOW).seen is None


def test_troubled_rooms_come_first_and_numbers_count() -> None:
    rooms = [room("room-10"), room("room-9", mode="throttled"), room("room-2"), room("room-7", online=False)]
    rooms.append(room("room-8", of=machine("disk", "picture")))
    assert [each.name for each in in_order(report(each, NOW) for each in rooms)] == [
        "room-8", "room-7", "room-9", "room-2", "room-10",
    ]  # fmt: skip


def test_how_many_rooms_run_which_version() -> None:
    new = machine(info={"version": "0.2.0"})
    shown = [report(each, NOW) for each in (room("b"), room("c10", of=new), room("c9", of=new))]
    silent = report(Room("z", True, None, Machine(), NOW), NOW)
    assert [(each.version, each.rooms, each.older) for each in versions([*shown, silent])] == [
        ("0.2.0", ["c9", "c10"], False), ("", ["z"], False), ("0.1.0", ["b"], True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("older", "newer"),
    [("0.9.0", "0.10.0"), ("0.2.0rc1", "0.2.0"), ("0.2.0b2", "0.2.0rc1"), ("0.2", "0.2.1"), ("nonsense", "0.1")],
)
def test_an_older_version_is_told_from_a_newer_one(older: str, newer: str) -> None:
    rooms = [room(name, of=machine(info={"version": newer})) for name in "bc"]
    rooms.append(room("a", of=machine(info={"version": older})))
    found = {each.version: each.older for each in versions(report(each, NOW) for each in rooms)}
    assert found == {older: True, newer: False}


def test_one_room_alone_does_not_make_all_others_old() -> None:
    def older(*running: str) -> dict[str, bool]:
        rooms = [room(f"room-{number}", of=machine(info={"version": each})) for number, each in enumerate(running)]
        return {each.version: each.older for each in versions(report(each, NOW) for each in rooms)}

    assert older("0.1.0", __version__) == {"0.1.0": True, __version__: False}, "a first room that was upgraded"
    assert older(*[__version__] * 39, "999") == {__version__: False, "999": False}
    assert older("0.1.0", *[__version__] * 38, "999") == {"0.1.0": True, __version__: False, "999": False}
    assert older(*[__version__] * 38, "999", "999") == {__version__: True, "999": False}, "we are the old ones"
    assert older("999", "998") == {"999": False, "998": False}


def test_every_word_is_searched() -> None:
    text = words_of(report(room("Raum 204", of=machine("disk")), NOW))
    for words in ("raum disk", "RAUM 204 cable", "0.1.0 61.8"):
        assert matches(text, words)
    assert not matches(text, "raum 205")


def test_a_hostile_room_is_bounded_and_keeps_no_known_alert_out() -> None:
    found = machine()
    for number in range(1000):
        said(found, f"alert/invented-{number}", changed(ALERT, {"problem": "x\x1b" * 400, "remedy": "\u202ey" * 400}))
    for name in ALERTS:
        said(found, f"alert/{name}", ALERT.to_json())
    assert len(found.alerts) == MAX_ALERTS
    assert set(ALERTS) <= set(found.alerts)
    for alert in found.alerts.values():
        assert len(alert.problem) <= MAX_PROBLEM
        assert (alert.problem + alert.remedy).isprintable()
    long = report(room(of=machine(info={"version": "\x1b" * 2000, "camera": "y" * 2000})), NOW)
    assert len(str(long.as_json())) < 5000
    assert all(str(fact.text).isprintable() for fact in long.facts)


@pytest.mark.parametrize(
    ("bits", "under_voltage", "words", "level"),
    [
        (None, None, "None", "good"),
        (0, None, "good", "good"),
        (None, False, "good", "good"),
        (1, None, "too little voltage", "bad"),
        (1, False, "good", "good"),
        (0, True, "too little voltage", "bad"),
        (4, None, "slowed down", "warn"),
        (2, None, "frequency capped", "warn"),
        (8, None, "too warm", "warn"),
        (0x50000, False, "good now; there was too little voltage since its start", "good"),
        (0x40000, False, "good now; it was slowed down since its start", "good"),
    ],
)
def test_power_in_words(bits: int | None, under_voltage: bool | None, words: str, level: str) -> None:  # noqa: FBT001
    sentence, how = power(bits, under_voltage)
    assert (str(sentence), how) == (words, level)


def after(epoch: str, seconds: float, **quality: bool) -> WindowPayload:
    """A window of a device, so long after the first."""
    start, end = (
        format_timestamp(parse_timestamp(each) + timedelta(seconds=seconds))
        for each in (WINDOW.window.start, WINDOW.window.end)
    )
    return WINDOW.model_copy(
        update={
            "epoch": epoch,
            "seq": WINDOW.seq + round(seconds),
            "window": WINDOW.window.model_copy(update={"start": start, "end": end}),
            "quality": WINDOW.quality.model_copy(update=quality),
        }
    )


def test_two_devices_under_one_name_are_a_trouble_and_one_whose_clock_is_set_once_is_none() -> None:
    seconds = WINDOW.window.seconds
    found = room()
    for n in range(1, 10):  # one after the other; the new epoch is that of a new outbox
        found.machine.hear(after("new" if n > 5 else WINDOW.epoch, n * seconds), NOW)
    found.machine.hear(after("new", 9 * seconds - 2), NOW)
    assert told(report(found, NOW)) == []
    twins = room()
    for n in range(1, 4):
        twins.machine.hear(after(WINDOW.epoch, n * seconds), NOW)
        twins.machine.hear(after("other", (n + 0.3) * seconds), NOW)
    assert told(report(twins, NOW)) == [("bad", "two_devices")]
    assert told(report(Room("room-1", False, None, twins.machine, NOW), NOW)) == [
        ("bad", "two_devices"),
        ("bad", "offline"),
    ]
    assert told(report(room(of=twins.machine, window=after(WINDOW.epoch, 3700)), NOW + HOUR))[:1] != [
        ("bad", "two_devices")
    ]
    unset = room()
    for n in range(1, 9):
        unset.machine.hear(after("other" if n % 2 else WINDOW.epoch, n * seconds / 3, clock_synced=False), NOW)
    assert "two_devices" not in [name for _, name in told(report(unset, NOW))]
