"""What every kind of storage promises: every window once, added up exactly, whatever comes and however often."""

from __future__ import annotations

import csv
import json
import random
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.contract.examples import INFO
from edge.contract.payloads import ModelNames, State, WindowPayload
from edge.contract.timestamps import parse_timestamp
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.errors import ConfigError
from edge.recording.daily_rollups import MOST_ROWS
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recordable import examine
from edge.recording.recorded import StateChange
from edge.recording.retention import Retention
from edge.recording.retention_time import PACE
from edge.recording.rollups import WIDTH, Bucket
from edge.recording.runs import MOST_RUNS
from edge.recording.session import Delivery
from edge.recording.tidying import Tidying
from edge.recording.window_record import WindowRecord
from edge.recording.window_store import WindowStore
from edge.reporting.conditions import digests
from edge.reporting.csv import write_csv
from edge.reporting.gaps import gaps
from edge.reporting.totals import add_up
from tests.support.any_value import ANY_VALUE, window_with
from tests.support.stores import Place, as_messages, count_windows
from tests.unit.recording.test_rollups import DAY, MONDAY, runs, window, windows

EVER = (MONDAY - 40 * DAY, MONDAY + 900 * DAY)


def read(place: Place, device: str = "room-1", since: datetime = EVER[0]) -> tuple[list[WindowRecord], list[Bucket]]:
    with place.read() as recording:
        return list(recording.windows(device, since, EVER[1])), list(recording.buckets(device, since, EVER[1]))


def in_order(sent: Sequence[WindowPayload]) -> list[WindowRecord]:
    return sorted((WindowRecord.of(each) for each in sent), key=lambda each: (each.start, each.seq))


def info(digest: str | None) -> DeviceMessage:
    content = json.loads(INFO.to_json()) | {"place": digest, "masked": 0.25 if digest else 0.0}
    found = examine("classroom", Delivery("classroom/room-1/info", json.dumps(content).encode(), 1, 1, 1))
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(2))
def test_windows_are_there_once_and_add_up_however_they_came(seed: int, place: Place) -> None:
    """Late ones, some of them twice, in any order and in transactions of any size."""
    sent, batch = windows(seed, 200), 7 + 30 * seed
    order = [*sent, *sent[::3]]
    random.Random(seed).shuffle(order)  # noqa: S311
    messages = as_messages(order)
    with place.opened() as store:
        new = [store.store(messages[at : at + batch], MONDAY) for at in range(0, len(order), batch)]
        assert store.store(messages, MONDAY) == 0
        assert count_windows(store) == sum(new) == len(sent)
        assert store.windows_of_devices(10, 50) == {"room-1": 50}
        assert store.windows_of_devices(10, 1000) == {"room-1": len(sent)}
    found, buckets = read(place)
    assert found == in_order(sent)
    assert add_up(buckets) == add_up(found)
    end = found[-1].end
    assert gaps(runs(buckets), [], [], MONDAY, end) == gaps(found, [], [], MONDAY, end)
    with place.read() as recording:
        assert recording.devices() == {"room-1": (found[0].start, max(each.end for each in found))}
        assert recording.newest("room-1") == recording.devices()["room-1"][1]
        assert (recording.has("room-1"), recording.has("room-2")) == (True, False)
        assert add_up(list(recording.days("room-1", MONDAY, MONDAY + 7 * DAY))) == add_up(found)


def test_a_table_for_spreadsheets_has_zeros_and_ones_whatever_keeps_the_windows(place: Place, tmp_path: Path) -> None:
    sent = windows(1, 20)
    with place.opened() as store:
        store.store(as_messages(sent), MONDAY)
    with place.read() as recording:
        assert write_csv(recording, "room-1", *EVER, tmp_path / "windows.csv") == 20
    with (tmp_path / "windows.csv").open(newline="") as file:
        rows = {int(row["seq"]): (row["replayed"], row["clock_synced"]) for row in csv.DictReader(file)}
    assert rows == {each.seq: (str(int(each.replayed)), str(int(each.quality.clock_synced))) for each in sent}


def test_a_day_with_more_roll_ups_than_an_honest_room_has_is_left_out(place: Place) -> None:
    dice, midnight = random.Random(1), MONDAY.replace(hour=0, minute=0)  # noqa: S311
    models = 6
    assert models * 288 > MOST_ROWS
    absurd, honest = [], [window(n, midnight + 3 * DAY + n * WIDTH, dice, epoch="00000002") for n in range(1, 100)]
    for number in range(models * 288):
        start = midnight + DAY + number // models * WIDTH + number % models * timedelta(seconds=1)
        one = window(number + 1, start, dice)
        absurd.append(
            one.model_copy(update={"model": one.model.model_copy(update={"faces": f"made up {number % models}"})})
        )
    with place.opened() as store:
        store.store(as_messages([*absurd, *honest]), midnight + 4 * DAY)
        while store.add_up_days(midnight + 9 * DAY):
            pass
    with place.read() as recording:
        span = ("room-1", midnight - DAY, midnight + 9 * DAY)
        assert add_up(recording.days(*span)).windows == add_up(recording.buckets(*span)).windows == len(honest)
        lesson = recording.buckets("room-1", midnight + DAY, midnight + DAY + 12 * WIDTH)
        assert add_up(lesson).windows == 12 * models


def test_a_window_sent_twice_across_the_end_of_a_month_is_stored_once(place: Place) -> None:
    midnight = datetime(2026, 12, 1, tzinfo=MONDAY.tzinfo)
    dice = random.Random(1)  # noqa: S311
    sent = [window(n, midnight + (n - 4) * timedelta(milliseconds=500), dice) for n in range(1, 8)]
    assert sent[2].window.start < "2026-12" < sent[2].window.end
    with place.opened() as store:
        assert store.store(as_messages([*sent, *sent]), midnight - timedelta(seconds=1)) == 7
    with place.opened() as store:  # a recorder that was restarted
        assert store.store(as_messages(sent), midnight + DAY) == 0
    found, buckets = read(place)
    assert found == in_order(sent)
    assert add_up(buckets) == add_up(found)


def test_a_restored_card_uses_numbers_twice_and_all_its_windows_are_recorded(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(1)  # noqa: S311
    first = [window(n, MONDAY + n * timedelta(minutes=2), dice) for n in range(1, 18)]
    again = [window(n, MONDAY + DAY + n * timedelta(minutes=2), dice) for n in range(5, 24)]
    third = [window(n, MONDAY + 2 * DAY + n * timedelta(minutes=2), dice) for n in range(5, 9)]
    sent = [*first, *again, *third]
    with place.opened() as store:
        assert store.store(as_messages(first), MONDAY) == len(first)
        assert not caplog.records
        assert store.store(as_messages([*again[:9], *again[:9]]), MONDAY + DAY) == 9
    with place.opened() as store:  # a recorder that was restarted
        assert store.store(as_messages([*first, *again, *third]), MONDAY + 2 * DAY) == len(sent) - len(first) - 9
        assert store.store(as_messages(sent), MONDAY + 3 * DAY) == 0
        assert count_windows(store) == len(sent)
        while store.add_up_days(MONDAY + 4 * DAY):
            pass
        said = [each.getMessage() for each in caplog.records if "numbers twice" in each.getMessage()]
        assert len(said) == 2, "once by each recorder"
        assert all("room-1 uses" in each for each in said)
        found, buckets = read(place)
        assert found == in_order(sent)
        assert add_up(buckets) == add_up(found)
        assert add_up(found).missing == 0
        with place.read() as recording:
            assert add_up(list(recording.days("room-1", MONDAY - DAY, MONDAY + 7 * DAY))) == add_up(found)
        end = found[-1].end
        assert {each.kind for each in gaps(found, [], [], MONDAY, end)}.isdisjoint({"lost"})
        place.delete("room-1", MONDAY, MONDAY + DAY, MONDAY + 3 * DAY)
        assert store.store(as_messages(sent), MONDAY + 3 * DAY) == 0, "what was the second of its number is known still"
        found, buckets = read(place)
        assert found == in_order([*again, *third])
        assert add_up(buckets) == add_up(found)


def test_of_a_card_restored_from_an_old_image_only_what_never_came_is_missing(place: Place) -> None:
    dice = random.Random(3)  # noqa: S311
    numbers = [*range(100_000, 100_040), *range(82_000, 82_020), *range(82_023, 82_060)]
    sent = [window(seq, MONDAY + n * timedelta(seconds=70), dice) for n, seq in enumerate(numbers)]
    with place.opened() as store:
        assert store.store(as_messages(sent), MONDAY) == len(sent)
        while store.add_up_days(MONDAY + 4 * DAY):
            pass
    found, buckets = read(place)
    assert add_up(found).missing == 3
    assert add_up(buckets) == add_up(found)
    with place.read() as recording:
        assert add_up(list(recording.days("room-1", MONDAY - DAY, MONDAY + 7 * DAY))) == add_up(found)


def test_days_add_up_to_exactly_what_windows_do_whatever_changes_after_they_were_made(place: Place) -> None:
    dice = random.Random(5)  # noqa: S311
    sent = [window(n, MONDAY + n * timedelta(minutes=41), dice) for n in range(1, 200)]
    dice.shuffle(sent)

    def check(start: datetime = MONDAY, end: datetime = MONDAY + 7 * DAY) -> list[Bucket]:
        with place.read() as recording:
            parts = list(recording.days("room-1", start, end))
            assert add_up(parts) == add_up(list(recording.buckets("room-1", start, end)))
            return [part for part in parts if part.duration == DAY]

    with place.opened() as store:
        store.store(as_messages(sent[:150]), MONDAY)
        assert check() == []
        while store.add_up_days(MONDAY + 3 * DAY):
            pass
        made = {part.since.date() for part in check()}
        assert len(made) == 2, "Tuesday and Wednesday are whole and over"
        assert check(MONDAY + timedelta(hours=18), MONDAY + timedelta(hours=70))
        store.store(as_messages(sent[150:]), MONDAY)
        assert check() == [], "windows of every day came late"
        while store.add_up_days(MONDAY + 9 * DAY):
            pass
        assert len({part.since.date() for part in check()}) >= 5
        while store.prune(MONDAY + 12 * DAY, Retention(days=10))[1]:
            pass
        check()
        while store.add_up_days(MONDAY + 12 * DAY):
            pass
        assert check()[0].since >= MONDAY + DAY


@pytest.mark.parametrize("year", [1985, 2023, 2026, 2099, 2100, 2198])
def test_a_clock_that_is_wrong_loses_no_window(year: int, place: Place) -> None:
    start = datetime(year, 12, 31, 23, 59, 55, tzinfo=MONDAY.tzinfo)
    sent = as_messages([window(1, start, random.Random(1))])  # noqa: S311
    with place.opened() as store:
        assert [store.store(sent, MONDAY), store.store(sent, MONDAY)] == [1, 0]
    with place.read() as recording:
        assert [each.start for each in recording.windows("room-1", start, start + DAY)] == [start]


def test_states_and_availability(place: Place) -> None:
    def state(hours: int, mode: str) -> DeviceMessage:
        since = (MONDAY + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return DeviceMessage("room-1", "state", State(mode=mode, reason=f"why {hours}", since=since))

    said = [state(2, "paused"), state(1, "running"), state(2, "paused")]
    said += [DeviceMessage("room-1", "availability", online) for online in (True, True, False, True)]
    with place.opened() as store:
        store.store(as_messages(windows(1, 3)), MONDAY)
        for each in said:
            store.store([each], MONDAY)
        store.store(said[-1:], MONDAY + DAY)
    with place.read() as recording:
        states, words = recording.state_changes("room-1", MONDAY + DAY)
        assert recording.state_changes("room-2", MONDAY + DAY) == ([], [])
    hour = timedelta(hours=1)
    assert states == [
        StateChange(MONDAY + hour, "running", "why 1"), StateChange(MONDAY + 2 * hour, "paused", "why 2")
    ]  # fmt: skip
    assert [each.mode for each in words] == ["online", "offline", "online"]
    assert {each.since for each in words} == {MONDAY}


def test_what_the_picture_leaves_out_is_stored_when_it_changes(place: Place) -> None:
    sent = windows(1, 20)
    with place.opened() as store:
        for at, digest in enumerate((None, None, "aaaaaaaa", "aaaaaaaa", None)):
            store.store([info(digest)], MONDAY + at * DAY)
            if at == 1:
                store.store(as_messages(sent), MONDAY)
    with place.read() as recording:
        places = recording.places("room-1", MONDAY + 3 * DAY)
        assert len(recording.places("room-1", MONDAY + 9 * DAY)) == 3
    last = max(each.end for each in in_order(sent))
    assert [(each.after, each.heard, each.digest, each.masked) for each in places] == [
        (None, MONDAY, "", 0.0), (last, MONDAY + 2 * DAY, "aaaaaaaa", 0.25)
    ]  # fmt: skip


@pytest.mark.parametrize("changes", [["bbbbbbbb"], ["bbbbbbbb", "cccccccc"]])
def test_of_what_changed_while_nobody_recorded_no_lesson_of_then_is_said_to_be_sure(
    changes: list[str], place: Place
) -> None:
    """The broker brings what waited in hundreds: `info` lies somewhere between the windows."""
    sent = sorted(windows(1, 80), key=lambda each: each.window.start)
    before, *batches = as_messages(sent[:20]), as_messages(sent[20:50]), as_messages(sent[50:])
    back = MONDAY + DAY
    with place.opened() as store:
        store.store([info("aaaaaaaa"), *before], MONDAY - DAY)
        for number, batch in enumerate(batches):
            told = [info(each) for each in changes[number : number + 1]]
            store.store([*batch[:10], *told, *batch[10:]], back + timedelta(seconds=number))
        store.store([info(changes[-1])], back + timedelta(seconds=9))
    with place.read() as recording:
        places = recording.places("room-1", MONDAY + 9 * DAY)
    assert [each.digest for each in places] == ["aaaaaaaa", *changes]
    ends = [parse_timestamp(each.window.end) for each in sent]
    starts = [parse_timestamp(each.window.start) for each in sent]
    for first, true in ((20, "aaaaaaaa"), (35, changes[0]), (45, changes[0]), (65, changes[-1])):
        assert true in digests(places, starts[first], ends[first + 5]), first
    assert digests(places, starts[0], ends[18]) == ["aaaaaaaa"]
    assert digests(places, back + DAY, back + 2 * DAY) == [changes[-1]]


def test_within_a_millisecond_and_beside_windows_of_a_clock_far_ahead_a_change_is_dated_the_same(place: Place) -> None:
    sent = sorted(windows(1, 80), key=lambda each: each.window.start)
    century = {"start": sent[-1].window.start.replace("20", "21", 1), "end": sent[-1].window.end.replace("20", "21", 1)}
    ahead = sent[-1].model_copy(update={"window": sent[-1].window.model_copy(update=century), "seq": 5000})
    came, later = MONDAY + timedelta(microseconds=300), timedelta(microseconds=100)
    with place.opened() as store:
        store.store([info("aaaaaaaa")], MONDAY - DAY)
        store.store(as_messages([*sent[:40], ahead]), MONDAY - DAY)
        store.store(as_messages(sent[40:]), came + later)
        store.store([info("bbbbbbbb")], came + 2 * later, since=came)
    with place.read() as recording:
        change = recording.places("room-1", MONDAY + DAY)[-1]
    assert (change.after, change.digest) == (max(parse_timestamp(each.window.end) for each in sent[:40]), "bbbbbbbb")


def test_a_clock_that_was_ahead_for_a_moment_hides_nothing_that_changes_later(place: Place) -> None:
    def online(*words: bool) -> list[DeviceMessage]:
        return [DeviceMessage("room-1", "availability", word) for word in words]

    with place.opened() as store:
        store.store([info("aaaaaaaa"), *online(True)], MONDAY)
        store.store([info("bbbbbbbb"), *online(False)], MONDAY + 365 * DAY)  # the clock is ahead
        for hours, digest, word in ((1, "bbbbbbbb", False), (2, "cccccccc", True), (3, "bbbbbbbb", False)):
            for again in range(2):
                at = MONDAY + timedelta(hours=hours, minutes=again)
                store.store([info(digest), *online(word)], at)
    with place.read() as recording:
        places = recording.places("room-1", MONDAY + DAY)
        _, words = recording.state_changes("room-1", MONDAY + DAY)
    assert [((each.heard - MONDAY) / timedelta(hours=1), each.digest) for each in places] == [
        (0, "aaaaaaaa"), (1, "bbbbbbbb"), (2, "cccccccc"), (3, "bbbbbbbb")
    ]  # fmt: skip
    assert [each.mode for each in words] == ["online", "offline", "online", "offline"]


def test_a_recorder_whose_clock_was_ahead_and_is_set_right_knows_what_changed_last(place: Place) -> None:
    hour = timedelta(hours=1)
    with place.opened() as store:
        store.store([info("aaaaaaaa")], MONDAY)
        store.store([info("bbbbbbbb")], MONDAY + 9 * hour)  # its clock is three hours ahead
        for _ in range(2):
            store.store([info("cccccccc")], MONDAY + 8 * hour)
    with place.read() as recording:
        places = recording.places("room-1", MONDAY + DAY)
    assert [((each.heard - MONDAY) / hour, each.digest) for each in places] == [
        (0, "aaaaaaaa"), (8, "bbbbbbbb"), (8, "cccccccc")
    ]  # fmt: skip
    assert digests(places, MONDAY + 10 * hour, MONDAY + 11 * hour) == ["cccccccc"]


def test_masks_that_changed_and_changed_back_while_nobody_recorded_leave_no_lesson_of_then_sure(place: Place) -> None:
    sent = sorted(windows(1, 60), key=lambda each: each.window.start)
    back = MONDAY + DAY
    with place.opened() as store:
        store.store([info("aaaaaaaa"), *as_messages(sent[:20])], MONDAY - DAY)
        told = [info(each) for each in ("aaaaaaaa", "bbbbbbbb", "cccccccc", "aaaaaaaa", "aaaaaaaa")]
        store.store([*told[:2], *as_messages(sent[20:]), *told[2:]], back)
    with place.read() as recording:
        places = recording.places("room-1", MONDAY + 9 * DAY)
    starts = [parse_timestamp(each.window.start) for each in sent]
    assert digests(places, starts[0], starts[18]) == ["aaaaaaaa"]
    assert len(digests(places, starts[30], starts[40])) > 1
    assert digests(places, back + DAY, back + 2 * DAY) == ["aaaaaaaa"]


def test_by_which_rules_figures_are_withheld_is_stored_when_it_changes(place: Place) -> None:
    rules = (None, {"min_faces": 5, "round_to": 1}, {"min_faces": 5, "round_to": 1}, {"min_faces": 10, "round_to": 1})
    with place.opened() as store:
        for at, policy in enumerate(rules):
            content = json.loads(INFO.to_json()) | {"place": None, "privacy": policy}
            told = examine("classroom", Delivery("classroom/room-1/info", json.dumps(content).encode(), 1, 1, 1))
            assert told is not None
            store.store([told], MONDAY + at * DAY)
    with place.read() as recording:
        places = recording.places("room-1", MONDAY + 9 * DAY)
    assert [(each.heard, each.digest, each.policy) for each in places] == [
        (MONDAY, "", None), (MONDAY + DAY, "", "5/1"), (MONDAY + 3 * DAY, "", "10/1")
    ]  # fmt: skip


def test_of_one_batch_is_stored_what_counts(place: Place) -> None:
    """A room that changes its mind at every message costs the others no more than one that does not."""

    def said(room: str, kind: str, payload: object) -> DeviceMessage:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        found = examine("classroom", Delivery(f"classroom/{room}/{kind}", text.encode(), 1, 1, 1))
        assert found is not None
        return found

    content = json.loads(INFO.to_json())
    batch = [said("room-2", "availability", "online"), said("room-2", "info", content | {"place": "aaaaaaaa"})]
    for number in range(99):
        since = (MONDAY + timedelta(seconds=number // 3)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        batch += [
            said("room-1", "info", content | {"place": f"{number:08x}"}),
            said("room-1", "availability", "offline" if number % 2 else "online"),
            said("room-1", "state", {"mode": "paused", "reason": "", "since": since}),
        ]
    with place.opened() as store:
        store.store(batch, MONDAY)
        store.store([said("room-1", "availability", word) for word in ("online", "offline", "online")], MONDAY + DAY)
        store.store([said("room-2", "availability", word) for word in ("online", "offline")], MONDAY + DAY)
    with place.read() as recording:
        rooms = ("room-1", "room-2")
        (states, words), (_, others) = (recording.state_changes(room, MONDAY + 2 * DAY) for room in rooms)
        digests = [[each.digest for each in recording.places(room, MONDAY + DAY)] for room in rooms]
    assert digests == [[f"{97:08x}", f"{98:08x}"], ["aaaaaaaa"]], "that it changed, and how it was in the end"
    assert [each.mode for each in words] == ["offline", "online", "offline", "online"], "it came and went on both days"
    assert [each.mode for each in others] == ["online", "offline"]
    assert len(states) == 33, "each once, and none left out"


def test_what_was_deleted_on_request_is_left_out_when_it_comes_again(place: Place) -> None:
    dice = random.Random(4)  # noqa: S311
    sent = [window(n, MONDAY + n * timedelta(minutes=10), dice) for n in range(1, 20)]
    start, end = MONDAY + timedelta(minutes=50), MONDAY + timedelta(minutes=100)
    kept = [each for each in in_order(sent) if each.end <= start or each.start >= end]
    paused = State(mode="paused", reason="x", since="2026-11-16T08:00:00.000Z")
    later = NewerWindow("edge.window/9", json.dumps({"window": vars(sent[6].window)}).encode())
    with place.opened() as store:
        store.store([], MONDAY)
        place.delete("room-1", start, end, MONDAY + DAY)
        others = [DeviceMessage("room-1", "state", paused), DeviceMessage("room-1", "window", later, later.schema)]
        assert store.store([*as_messages(sent), *others], MONDAY + DAY) == len(kept) < len(sent)
        place.delete(None, None, None, MONDAY + DAY)
        more = [window(n, MONDAY + n * timedelta(minutes=10), dice) for n in (30, 400)]
        assert store.store(as_messages(more), MONDAY + 2 * DAY) == 1, "what is measured after that is recorded again"
    with place.read() as recording:
        assert recording.state_changes("room-1", MONDAY + 9 * DAY) == ([], [])
        assert more[1].window.start in {row[3] for row in recording.rows("room-1", *EVER)}


def test_a_room_whose_clock_is_behind_is_recorded_after_a_deletion(place: Place) -> None:
    def measured(first: int, *, synced: bool, replayed: bool = False) -> list[DeviceMessage]:
        found = (window(n, MONDAY + n * timedelta(minutes=5), dice) for n in range(first, first + 10))
        return as_messages(
            [
                each.model_copy(
                    update={
                        "replayed": replayed,
                        "quality": each.quality.model_copy(update={"clock_synced": synced}),
                    }
                )
                for each in found
            ]
        )

    dice, september = random.Random(4), MONDAY + 40 * DAY  # noqa: S311
    with place.opened() as store:
        store.store(measured(1, synced=True), MONDAY + DAY)
        assert place.delete("room-1", None, None, MONDAY + DAY) == 10
        place.delete("room-1", MONDAY + 2 * DAY, MONDAY + 3 * DAY, MONDAY + 3 * DAY)
        assert store.store(measured(20, synced=False), MONDAY + 20 * DAY) == 0, "they may have waited anywhere"
        assert store.store(measured(40, synced=False, replayed=True), september) == 0
        assert store.store(measured(60, synced=True), september) == 0
        assert store.store(measured(600, synced=False), september) == 0, "of a lesson"
        assert store.store(measured(80, synced=False), september) == 10
        assert store.store(measured(80, synced=False), september) == 0, "once"
    found, buckets = read(place)
    assert [each.seq for each in found] == list(range(80, 90))
    assert sum(each.sums.windows for each in buckets) == 10


@pytest.mark.parametrize("synced", [True, False])
@pytest.mark.parametrize("ahead", [timedelta(hours=20), 20 * DAY])
def test_a_deletion_with_a_clock_that_is_ahead_keeps_nothing_out_that_is_measured_later(
    place: Place, ahead: timedelta, monkeypatch: pytest.MonkeyPatch, *, synced: bool
) -> None:
    def live(first: int) -> int:
        """How many are stored of ten windows that come as they are measured."""
        stored = 0
        for n in range(first + 1, first + 11):
            one = window(n, MONDAY + n * timedelta(minutes=5), dice)
            stored += store.store(as_messages([one]), parse_timestamp(one.window.end))
        return stored

    dice = random.Random(4)  # noqa: S311
    monkeypatch.setattr("edge.recording.deleted_spans.clock_synced", lambda: synced)
    with place.opened() as store:
        assert live(0) == 10
        assert place.delete(None, None, None, MONDAY + ahead) == 10
        assert live(10) == 10
    waiting = [window(n, MONDAY + n * timedelta(minutes=5), dice) for n in range(21, 31)]
    with place.opened() as store:
        assert store.store(as_messages(waiting), MONDAY + timedelta(hours=3)) == 10, "while the recorder was away"
        assert live(40) == 10
    with place.erasing() as eraser:
        (asked,) = (each.asked for each in eraser.deletions())
    assert (asked < MONDAY + timedelta(hours=1)) == synced, "corrected, where nothing else can be right"


def test_windows_may_go_and_their_roll_ups_stay(place: Place) -> None:
    sent, limits = windows(5, 300), Retention(days=200, window_days=50)
    with place.opened() as store:
        store.store(as_messages(sent), MONDAY)
        before, buckets = read(place)
        while store.prune(MONDAY + 100 * DAY, limits)[1]:
            pass
        assert count_windows(store) == 0
        assert store.windows_of_devices(9, 10) == {"room-1": 0}
        assert read(place) == ([], buckets)
        with place.read() as recording:
            assert recording.devices() == {"room-1": (before[0].start, before[-1].end)}
        while store.prune(MONDAY + 201 * DAY, limits)[1]:
            pass
        assert read(place) == ([], [])
        assert store.windows_of_devices(9, 10) == {}


def test_windows_that_come_again_after_they_were_deleted_as_too_old_are_added_up_once(place: Place) -> None:
    """As a broker or a bridge sends them that was restored; some never came before."""
    sent, limits, later = windows(5, 300), Retention(days=400, window_days=50), MONDAY + 100 * DAY
    late = sent[3::7]
    first = [each for each in sent if each not in late]
    cut = parse_timestamp(sent[150].window.end) + 50 * DAY  # in the middle of five minutes
    with place.opened() as store:
        store.store(as_messages(first), MONDAY - 2 * DAY)
        for now in (cut, later):
            while store.prune(now, limits)[1]:
                pass
            before = read(place)
            assert len(before[0]) == count_windows(store) < len(first), "some, and then all, are there as sums only"
            assert store.store(as_messages(first), now) == 0
            assert read(place) == before
    with place.opened() as store:  # a recorder that was restarted, and makes months anew that were dropped
        assert store.store(as_messages([*sent, *sent]), later) == len(late)
        assert store.store(as_messages(sent), later) == 0
        assert read(place)[0] == in_order(late)
    assert add_up(read(place)[1]) == add_up(WindowRecord.of(each) for each in sent)


def test_late_windows_between_more_runs_than_are_told_apart_are_new(place: Place) -> None:
    dice = random.Random(3)  # noqa: S311
    sent = [window(n, MONDAY + n * timedelta(seconds=0.1), dice) for n in range(1, 2900)]
    with place.opened() as store:
        assert store.store(as_messages(sent[::2]), MONDAY) == len(sent[::2])
        assert max(len(each.runs) for each in read(place)[1]) == MOST_RUNS
        assert store.store(as_messages(sent), MONDAY + 20 * DAY) == len(sent[1::2]), "no row is gone"
    found, buckets = read(place)
    assert found == in_order(sent)
    assert add_up(buckets) == add_up(found)


def test_the_last_thing_known_of_a_device_is_kept_and_a_clock_ahead_protects_nothing(place: Place) -> None:
    dice = random.Random(1)  # noqa: S311
    ahead = as_messages([window(1, MONDAY + 90 * DAY, dice)])
    old = [
        State(mode=mode, reason="", since=f"2026-11-1{day}T08:00:00.000Z")
        for mode, day in (("paused", 1), ("running", 2))
    ]
    said = [DeviceMessage("room-1", "state", each) for each in old]
    first, last = (DeviceMessage("room-1", "availability", online) for online in (True, False))
    with place.opened() as store:
        store.store([*ahead, *said, first], MONDAY - DAY)
        store.store([last], MONDAY)
        store.prune(MONDAY + 30 * DAY, Retention(days=20))
    assert read(place) == ([], [])
    with place.opened() as store:
        store.store(as_messages([window(2, MONDAY + 30 * DAY, dice)]), MONDAY + 30 * DAY)
    with place.read() as recording:
        states, words = recording.state_changes("room-1", MONDAY + 40 * DAY)
    assert ([each.mode for each in states], [each.mode for each in words]) == (["running"], ["offline"])


def tidied(store: WindowStore, retention: Retention, clock: datetime, *, days: int = 0) -> int:
    """A machine that starts when its clock shows this, and runs on for so many days; how many windows there are."""
    hours, boot = timedelta(), secrets.token_hex(8)
    tidying = Tidying(store, retention, lambda: clock + hours, lambda: 1000 + hours.total_seconds(), lambda: boot)
    for hour in range(24 * days + 1):
        hours = timedelta(hours=hour)
        while tidying.step()[1]:
            pass
    return count_windows(store)


def test_a_clock_that_jumps_ahead_does_not_delete_the_recording(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    dice, keep = random.Random(1), Retention(days=400, window_days=90)  # noqa: S311
    sent = [window(n, MONDAY + n * DAY, dice) for n in range(1, 81)]
    end = MONDAY + 81 * DAY
    with place.opened() as store:
        for each in sent:
            store.store(as_messages([each]), parse_timestamp(each.window.end))
        assert tidied(store, keep, end + 428 * DAY) == len(sent), "also of a recording that was never tidied"
        assert tidied(store, keep, end) == len(sent)
        assert "the clock is 425 days ahead: " in caplog.text
        caplog.clear()
        assert tidied(store, keep, end + 428 * DAY, days=7) >= len(sent) - 7 * PACE
        assert len(caplog.records) >= 7
        before = read(place)[1]
        assert len(before) == len(sent)
        assert tidied(store, keep, end + 7 * DAY) >= len(sent) - 7 * PACE, "the clock is right again"


def test_a_clock_that_was_behind_does_not_delete_what_came_then(place: Place) -> None:
    sent = windows(5, 30)
    with place.opened() as store:
        store.store(as_messages(sent), MONDAY - 700 * DAY)
        before = read(place)
        assert tidied(store, Retention(days=400), MONDAY + DAY, days=31) == 30, "even of a new recording"
        assert read(place) == before
        while store.prune(MONDAY + 450 * DAY, Retention(days=400))[1]:
            pass
        assert count_windows(store) == 0


@pytest.mark.parametrize("retention", [Retention(400), Retention(30), Retention(400, window_days=7)], ids=str)
@pytest.mark.parametrize("behind", [35, 565, 4000])
def test_a_room_whose_clock_is_behind_loses_no_window(behind: int, retention: Retention, place: Place) -> None:
    """Its board has no battery, and the network no time server, or a false one. The recorder's clock is right."""
    dice, ever = random.Random(1), MONDAY - 4001 * DAY  # noqa: S311
    sent = [window(n, MONDAY - behind * DAY + n * timedelta(minutes=5), dice) for n in range(1, 31)]
    state = State(mode="running", reason="", since=sent[0].window.start)
    right = [each.model_copy(update={"device": "room-2"}) for each in windows(5, 30)]
    with place.opened() as store:
        store.store([*as_messages(sent), DeviceMessage("room-1", "state", state)], MONDAY)
        store.store([DeviceMessage("room-1", "state", state.model_copy(update={"reason": "again"}))], MONDAY)
        store.store(as_messages(right), MONDAY)
        before = read(place, since=ever)
        days = retention.shortest
        for later in (0, 1, days // 2 - 1):
            while store.prune(MONDAY + later * DAY, retention)[1]:
                pass
        assert count_windows(store) == len(sent) + len(right)
        assert read(place, since=ever) == before
        with place.read() as recording:
            assert len(recording.state_changes("room-1", MONDAY)[0]) == 2
        while store.prune(MONDAY + (days + 1) * DAY, retention)[1]:
            pass
        assert count_windows(store) == 0
        while store.prune(MONDAY + 401 * DAY, retention)[1]:
            pass
        assert read(place, since=ever) == ([], [])
        assert store.windows_of_devices(9, 10) == {}


def test_a_clock_of_the_recorder_that_was_ahead_keeps_nothing_for_ever(place: Place) -> None:
    with place.opened() as store:
        store.store(as_messages(windows(5, 30)), MONDAY + 5000 * DAY)
        while store.prune(MONDAY + 401 * DAY, Retention(days=400))[1]:
            pass
    assert read(place) == ([], [])


def test_what_is_deleted_on_request_makes_the_rest_no_younger(place: Place) -> None:
    sent = windows(5, 30)
    cut = parse_timestamp(sent[4].window.end)
    with place.opened() as store:
        store.store(as_messages(sent), MONDAY)
        place.delete("room-1", None, cut, MONDAY + 395 * DAY)
        assert read(place)[1]
        while store.prune(MONDAY + 401 * DAY, Retention(days=400))[1]:
            pass
    assert read(place) == ([], [])


def test_what_is_too_old_goes_though_the_recorder_was_stopped(place: Place) -> None:
    dice, keep = random.Random(1), Retention(days=10)  # noqa: S311
    sent = [window(n, MONDAY + n * DAY, dice) for n in range(1, 41)]
    end = MONDAY + 41 * DAY
    with place.opened() as store:
        for each in sent:
            store.store(as_messages([each]), parse_timestamp(each.window.end))
        assert tidied(store, Retention(), end) == 40
        assert tidied(store, keep, end) == 10, "fewer days on purpose are obeyed at once"
        assert tidied(store, keep, end + 3 * DAY) == 7, "it was stopped for a weekend"
        assert [tidied(store, keep, end + 3000 * DAY) for _ in range(40)] == [7] * 40, "no start adds anything"
        assert tidied(store, keep, end + 3001 * DAY, days=2) == 0


def test_a_recording_of_former_years_loses_what_is_too_old_within_a_month(place: Place) -> None:
    sent = windows(5, 30)
    with place.opened() as store:
        store.store(as_messages(sent), MONDAY)
        assert tidied(store, Retention(days=300), MONDAY + 3000 * DAY, days=28) == 30
        assert tidied(store, Retention(days=300), MONDAY + 3029 * DAY, days=2) == 0
    assert read(place) == ([], [])


def test_one_place_holds_the_devices_of_one_prefix(place: Place) -> None:
    with place.opened("classroom"):
        pass
    with (
        pytest.raises(ConfigError, match="holds the devices below 'classroom', not below 'school'"),
        place.opened("school"),
    ):
        pass


def test_what_is_decided_once_stays(place: Place) -> None:
    with place.opened() as store:
        ids, begins = store.client_ids("edge-record-0123456789"), store.default_begins(MONDAY)
    assert (ids[0][:12], len(ids[0]), ids[1], begins) == ("edge-record-", 28, None, MONDAY)
    with place.opened() as store:
        assert (store.client_ids("edge-record-0123456789"), store.default_begins(MONDAY + DAY)) == (ids, MONDAY)


def test_characters_that_a_database_may_not_take(place: Place) -> None:
    sent = windows(1, 1)[0].model_copy(update={"model": ModelNames(faces="f\0@1", emotions="'; --\0", pose=None)})
    said = State(mode="paused", reason="a\0b\\N\t\n'", since="2026-11-16T08:00:00.000Z")
    with place.opened() as store:
        for _ in range(2):
            store.store([*as_messages([sent]), DeviceMessage("room-1", "state", said)], MONDAY)
        assert count_windows(store) == 1
    found, buckets = read(place)
    assert (len(found), len(buckets)) == (1, 1)
    with place.read() as recording:
        ((state,), _) = recording.state_changes("room-1", MONDAY + DAY)
    assert state.reason[:1] == "a"


def test_a_device_that_makes_up_models_has_a_bounded_number_of_roll_ups(place: Place) -> None:
    dice = random.Random(2)  # noqa: S311
    names = [ModelNames(faces=f"f@{n}", emotions=None, pose=None) for n in range(60)]
    sent = [window(n + 1, MONDAY, dice).model_copy(update={"model": names[n]}) for n in range(60)]
    with place.opened() as store:
        for at in range(0, 60, 13):
            store.store(as_messages(sent[at : at + 13]), MONDAY)
    found, buckets = read(place)
    assert len(buckets) <= 20 + 3, "and one of all others for each mode"
    assert add_up(buckets).windows == len(found) == 60
    stored, sent_names = {each.series.faces for each in found if each.series}, {each.faces for each in names}
    if isinstance(place.target, PostgresAddress):  # rows of names are of all schools, and stay for ever
        assert len(stored & sent_names) == 20
        assert len(stored - sent_names) == 1, "all others are one"
    else:
        assert stored == sent_names


@given(value=ANY_VALUE, data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_can_stop_it(place: Place, value: Any, data: st.DataObject) -> None:
    """Whatever stands in one place of a window: it is refused, or can be stored."""
    found = window_with(value, data)
    if found is None:
        return
    with place.opened() as store:
        store.store([found], MONDAY)
        assert store.store([found], MONDAY) == 0
