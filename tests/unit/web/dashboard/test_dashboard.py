"""What `edge dashboard` knows: the history of a room, and what all rooms tell."""

from __future__ import annotations

import json
import subprocess
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from edge.contract.labels import MAX_LABEL
from edge.contract.payloads import WindowPayload
from edge.contract.timestamps import format_timestamp
from edge.recording.deletion_requests import Request
from edge.recording.window_record import WindowRecord
from edge.recording.window_sums import MAX_LABELS, OTHER
from edge.web.dashboard import school as school_module
from edge.web.dashboard.history import History
from edge.web.dashboard.lesson import MOST
from edge.web.dashboard.school import MAX_ROOMS, School
from tests.support.simulated_school import Classroom

NOW = datetime(2026, 10, 4, 8, 15, 0, tzinfo=timezone.utc)
ROOM = Classroom("room-1", 1)
StartEdge = Callable[..., "subprocess.Popen[str]"]


def window(seq: int = 1, ago: float = 0.0, **options: bool) -> WindowPayload:
    return ROOM.window(seq, NOW - timedelta(seconds=ago), **options)


def school() -> School:
    return School("classroom", 4, NOW.timestamp)


def send(to: School, payload: WindowPayload, kind: str = "window", **changes: Any) -> None:
    content = json.dumps({**json.loads(payload.to_json()), **changes}).encode()
    to.receive(f"classroom/{payload.device}/{kind}", content)


def rows(of: School, room: str = "room-1") -> list[WindowRecord]:
    of.tidy()
    return of.rooms[room].history.records()


@tries(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 40), max_size=80), st.sets(st.integers(1, 40)))
def test_whatever_the_order_every_window_is_there_once_at_its_own_time(order: list[int], withheld: set[int]) -> None:
    history, seen = History(), set()
    for seq in order:
        assert history.add(window(seq, 300 - 5 * seq, suppressed=seq in withheld)) == (seq not in seen)
        seen.add(seq)
    found = history.records()
    assert [row.seq for row in found] == sorted(seen)
    assert [row.end for row in found] == sorted(row.end for row in found)
    for row in found:
        figures = (row.total, row.mean, row.low, row.high, row.counts, row.unclassified, row.estimate)
        assert (figures == (None,) * 7) == (row.seq in withheld)


def test_a_record_has_what_the_window_had() -> None:
    history, sent = History(), window(7, replayed=True)
    assert history.add(sent)
    (row,) = history.records()
    assert (row.epoch, row.seq, row.end, row.duration) == ("5c400100", 7, NOW, timedelta(seconds=5))
    assert (row.replayed, row.clock_synced, row.frames, row.mode) == (True, True, 25, "emotions")
    assert [row.total, row.mean, row.low, row.high] == list(sent.faces.model_dump().values())
    assert (row.coverage, row.unclassified, row.counts) == (1.0, sent.unclassified, sent.counts)
    assert sent.estimate is not None
    assert row.estimate is not None
    assert row.estimate.keys() == sent.estimate.keys()
    for label, each in sent.estimate.items():
        assert row.estimate[label] == (each.share, each.low, each.high)


def test_a_restored_card_is_shown_from_its_first_window_on_and_all_its_windows_are_kept() -> None:
    to = school()
    for seq in range(100, 110):
        send(to, window(seq, 600 - seq))
    for seq in range(96, 112):  # its clock goes on
        sent = window(seq, 300 - seq)
        send(to, sent, "latest")
        send(to, sent)
        room = to.rooms["room-1"]
        assert room.latest is not None
        assert (room.latest["end"], room.latest["key"]) == (
            round(1000 * (NOW.timestamp() - 300 + seq)), f"5c400100/{seq}"
        )  # fmt: skip
    found = [row.seq for row in rows(to)]
    assert found == [*range(100, 110), *range(96, 112)]
    to.rooms["room-1"].history.drop_oldest(10)
    for seq in range(100, 110):  # what was dropped is known no more, and the other window of its number still is
        send(to, window(seq, 600 - seq))
        send(to, window(seq, 300 - seq))
    assert [row.seq for row in rows(to)] == found


def test_a_label_that_comes_later_is_absent_before() -> None:
    to = school()
    few: dict[str, Any] = {
        "frames": 7,
        "faces": {"total": 7, "mean": 1.0, "min": 1, "max": 1},
        "facing": None,
        "counts": {"happy": 7, "unknown": 0},
    }
    nobody = {"too_small": 0, "away": None, "unclear": 0}
    send(to, window(1, 10), **few, people={"happy": 1, "unknown": 0}, unclassified=nobody, estimate=None)
    send(to, window(2, 5))
    first, second = rows(to)
    assert first.counts == {"happy": 7, "unknown": 0}
    assert first.estimate is None
    assert second.counts is not None
    assert sum(second.counts.values()) == second.total


def test_a_withheld_window_says_nothing_whatever_it_carries() -> None:
    to, shown = school(), json.loads(window().to_json())
    figures = {key: shown[key] for key in ("faces", "counts", "people", "estimate", "unclassified")}
    send(to, window(2, suppressed=True), **figures)
    (row,) = rows(to)
    assert (row.total, row.mean, row.low, row.high, row.counts, row.estimate, row.unclassified) == (None,) * 7
    newest = to.summaries()["room-1"]["latest"]
    assert newest["withheld"] == {"what": "figures", "reason": "too few people"}
    assert (newest["front"], newest["small"], newest["unknown"]) == (None, None, None)
    assert (newest["mean"], newest["min"], newest["max"], newest["shares"], newest["basis"]) == (
        None,
        None,
        None,
        [],
        None,
    )


def test_a_room_that_only_counts() -> None:
    to = school()
    send(to, Classroom("room-1", 1, headcount=True).window(1, NOW))
    (row,) = rows(to)
    assert row.mode == "headcount"
    assert row.total
    assert (row.counts, row.estimate) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"window": {"start": "2026-10-04T08:00:00.000Z", "end": "2026-10-04T08:15:00.000Z", "seconds": 1e300}},
        {"frames": 2**40},
        {"counts": {"\u202ehappy": 1}, "people": {"\u202ehappy": 1}, "estimate": None},
        {"estimate": {"happy": {"share": 0.2, "low": 0.5, "high": 0.9}}},
        {"device": "room-2"},
    ],
)
def test_what_could_not_be_shown_as_it_is_is_refused(changes: dict[str, Any]) -> None:
    to = school()
    send(to, window(), **changes)
    assert to.refused == 1
    assert "room-1" not in to.rooms or rows(to) == []
    send(to, window())
    assert len(rows(to)) == 1


def test_windows_of_the_future_are_told_by_log_and_page_until_their_time_has_come(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [NOW.timestamp()]
    found = School("classroom", 4, lambda: now[0])
    send(found, window(1, -50))
    assert found.ahead() == []
    for seq, behind in ((2, 90), (3, 360)):
        for number in (1, 2):
            sent = Classroom(f"room-{number}", number).window(seq, NOW + timedelta(seconds=behind))
            send(found, sent)
    assert found.ahead() == ["room-1", "room-2"]
    assert len(caplog.records) == 1, "once, however many come"
    assert "room-1 sends windows that end 90 s after the time of this machine" in caplog.text
    send(found, window(4, -360, replayed=True))
    found.receive("classroom/room-2/availability", b"offline")
    assert found.ahead() == ["room-1"]
    now[0] += 310  # what it was is heard no more
    assert found.ahead() == []


def test_old_windows_and_those_of_a_wrong_clock_are_not_kept_but_the_newest_is_told() -> None:
    to = school()
    send(to, window(1, 4 * 3600 + 1))
    assert rows(to) == []
    send(to, window(2, -3600))
    assert rows(to) == []
    assert to.summaries()["room-1"]["latest"]["key"] == "5c400100/2"
    send(to, window(3, 60))
    assert len(rows(to)) == 1


def test_the_number_of_windows_is_limited_for_all_rooms_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(school_module, "MAX_WINDOWS", 50)
    to = school()
    send(to, Classroom("small", 2).window(1, NOW))
    for seq in range(1, 101):
        send(to, window(seq, 505 - 5 * seq))
    assert len(rows(to, "small")) == 1
    assert [row.seq for row in rows(to)] == list(range(52, 101))


def test_a_room_with_twice_the_labels_keeps_half_the_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at a room reads all that is kept of it: the bound is of figures, not of windows."""
    monkeypatch.setattr(school_module, "MAX_WINDOWS_OF_ONE", 40)
    to = school()
    for seq in range(1, 61):
        send(to, window(seq, 505 - 5 * seq))
    assert [row.seq for row in rows(to)] == list(range(21, 61))
    more = {f"mood {n}": 0 for n in range(8)}
    mixed = window(61, 200).model_copy(update={"estimate": None})
    send(to, mixed, counts={**(mixed.counts or {}), **more}, people={**(mixed.people or {}), **more})
    assert len(to.rooms["room-1"].history.labels) == 16
    assert [row.seq for row in rows(to)] == list(range(42, 62))


def labelled(payload: WindowPayload, labels: list[str]) -> dict[str, Any]:
    """The emotions of a window, as a model with these labels would have told them."""
    assert payload.counts is not None
    named, unknown = sum(payload.counts.values()) - payload.counts["unknown"], payload.counts["unknown"]
    counts = {label: named // len(labels) for label in labels}
    counts[labels[0]] += named % len(labels)
    counts["unknown"] = unknown
    share = {"share": round(1 / len(labels), 4), "low": 0.0, "high": round(2 / len(labels), 4)}
    people = {label: round(n / payload.frames, 2) for label, n in counts.items()}
    return {"counts": counts, "people": people, "estimate": dict.fromkeys(labels, share)}


def test_a_room_may_change_its_model_any_number_of_times() -> None:
    now = NOW.timestamp()
    to, seq = School("classroom", 4, lambda: now), 0
    for model in range(20):
        labels = [f"mood {model} {n}" for n in range(8)]
        for _ in range(6):  # one an hour: at first some of the model before are still here
            seq, now = seq + 1, now + 3600
            new = ROOM.window(seq, datetime.fromtimestamp(now, timezone.utc))
            send(to, new, **labelled(new, labels))
            shown = to.summaries()["room-1"]
            assert shown["latest"]["key"] == f"5c400100/{seq}"
            assert {share["label"] for share in shown["latest"]["shares"]} == set(labels)
            kept = [row.counts or {} for row in rows(to)]
            assert len(kept) == min(seq, 5)  # of four hours
            assert set().union(*kept) <= set(shown["labels"])
            assert len(shown["labels"]) <= 17
        assert set(shown["labels"]) == {*labels, "unknown"}
    assert to.refused == 0


def test_labels_beyond_those_of_a_room_are_one() -> None:
    to, first = school(), window(1, 10)
    send(to, first, **labelled(first, [f"mood {n}" for n in range(40)]))
    second = window(2)
    send(to, second, **labelled(second, [f"mood {n}" for n in reversed(range(40))]))
    expected = {*(f"mood {n}" for n in range(MAX_LABELS)), OTHER, "unknown"}
    for row, sent in zip(rows(to), (first, second), strict=True):
        assert row.counts is not None
        assert row.estimate is not None
        assert set(row.counts) == expected
        assert sum(row.counts.values()) == sent.faces.total
        assert row.counts["unknown"] == (sent.counts or {})["unknown"]
        assert row.estimate[OTHER] == pytest.approx((16 / 40, 0, 32 / 40))
    shown = to.summaries()["room-1"]
    assert {share["label"] for share in shown["latest"]["shares"]} == expected - {"unknown"}
    assert set(shown["labels"]) == expected
    assert to.refused == 0


def test_a_label_as_long_as_the_contract_allows_is_shown() -> None:
    to, sent = school(), window()
    send(to, sent, **labelled(sent, ["happy", "x" * MAX_LABEL]))
    assert "x" * MAX_LABEL in (rows(to)[0].counts or {})


@tries(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 4), st.integers(0, 300)), max_size=60))
def test_no_figure_is_lost_whatever_labels_come_and_go(steps: list[tuple[int, int, int]]) -> None:
    to = school()
    for seq, model, forgotten in steps:
        sent = window(seq, 300 - 5 * seq)
        send(to, sent, **labelled(sent, [f"mood {model} {n}" for n in range(10)]))
        last = round(NOW.timestamp() * 1000) - 1000 * forgotten
        if forgotten:
            to.forget("room-1", last - 20_000, last)
        for row in rows(to):
            assert sum((row.counts or {}).values()) == row.total
    assert to.refused == 0


def test_four_hours_of_a_room_take_little_memory() -> None:
    told = [window(seq, 5 * (2880 - seq)) for seq in range(1, 2881)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    history = History()
    for each in told:
        history.add(each)
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(history) == 2880
    assert size < 750_000


def test_a_replayed_window_fills_its_gap_and_is_not_the_newest() -> None:
    to = school()
    for seq, ago in ((1, 60), (3, 0)):
        send(to, window(seq, ago))
    to.take_changes()
    send(to, window(2, 30, replayed=True))
    assert [row.seq for row in rows(to)] == [1, 2, 3]
    changes = to.take_changes()
    assert changes is not None
    assert list(changes["rooms"]) == ["room-1"]
    assert changes["rooms"]["room-1"]["latest"]["key"] == "5c400100/3"
    assert to.summaries()["room-1"]["latest"]["key"] == "5c400100/3"
    send(to, window(2, 30, replayed=True))
    send(to, window(3), kind="latest")
    assert to.take_changes() is None


def test_states_leave_marks_with_the_time_at_which_they_began() -> None:
    to = school()
    begun = NOW - timedelta(minutes=5)
    to.receive("classroom/room-1/availability", b"online")
    for _ in range(2):
        paused = ROOM.state("paused", "paused: the\u202emasks" + "x" * 500, begun)
        to.receive("classroom/room-1/state", paused.to_json())
    to.receive("classroom/room-1/availability", b"offline")
    now = round(NOW.timestamp() * 1000)
    online, state, offline = to.rooms["room-1"].marks
    assert [online, offline] == [(now, "online", ""), (now, "offline", "")]
    assert state[:2] == (now - 300_000, "paused")
    assert state[2].startswith("paused: the?masks")
    assert len(state[2]) == 200
    told = to.summaries()["room-1"]
    assert (told["online"], told["mode"], told["reason"]) == (False, "paused", [state[2]])


def test_who_paused_a_room_is_shown_while_that_lasts_and_not_kept() -> None:
    to = school()
    to.receive("classroom/room-1/state", ROOM.state("paused", "paused by Mrs Doe, over MQTT", NOW).to_json())
    said = {"text": "paused by {name}, over MQTT", "values": {"name": "Mrs Doe"}}
    assert to.summaries()["room-1"]["reason"] == [said]
    to.receive("classroom/room-1/state", ROOM.state("running", "resumed by somebody over MQTT", NOW).to_json())
    assert "Doe" not in f"{list(to.rooms['room-1'].marks)} {to.summaries()}"


def test_of_a_time_that_was_deleted_nothing_is_taken_any_more() -> None:
    to, first = school(), NOW - timedelta(minutes=10)
    times = [format_timestamp(each) for each in (first, NOW - timedelta(minutes=5), NOW)]
    asked = Request(1, "room-1", *times)
    to.deleted.outdated(asked, NOW)
    to.deleted.replace(asked, [asked], NOW, NOW)
    state = ROOM.state().model_copy(update={"since": times[0]})
    to.receive("classroom/room-1/state", state.to_json())
    send(to, window(1, 900))
    for kind in ("window", "latest"):
        send(to, window(2, 500), kind)
    send(to, window(3, 400, replayed=True))
    found = to.rooms["room-1"]
    assert [each.seq for each in rows(to)] == [1]
    assert list(found.marks) == [(round((NOW.timestamp() - 300) * 1000), state.mode, "")], (
        "that it lasts, not since when"
    )
    assert found.latest is not None
    assert found.latest["end"] == round((NOW.timestamp() - 900) * 1000)
    send(to, window(4))
    assert [each.seq for each in rows(to)] == [1, 4]


def test_a_device_that_is_taken_off_the_broker_is_gone() -> None:
    to = school()
    to.receive("classroom/room-1/availability", b"online")
    to.receive("classroom/room-1/state", ROOM.state().to_json())
    send(to, window())
    to.receive("classroom/room-1/state", b"")
    assert list(to.summaries()) == ["room-1"]
    to.receive("classroom/room-1/availability", b"")
    assert to.summaries() == {}
    changes = to.take_changes()
    assert changes is not None
    assert changes["removed"] == ["room-1"]
    to.receive("classroom/nobody/latest", b"")
    assert to.summaries() == {}


def test_a_school_can_be_full() -> None:
    to = school()
    for number in range(MAX_ROOMS + 1):
        to.receive(f"classroom/room-{number}/availability", b"online")
    assert len(to.summaries()) == MAX_ROOMS
    assert to.full


@tries(deadline=None)
@given(
    st.text(max_size=40),
    st.binary(max_size=200) | st.recursive(st.none() | st.floats(), st.lists).map(repr).map(str.encode),
)
def test_nothing_that_is_sent_stops_it(topic: str, payload: bytes) -> None:
    to = school()
    for each in (topic, "classroom/room-1/window", "classroom/room-1/state", "classroom/room-1/availability"):
        to.receive(each, payload)
    json.dumps([to.take_changes(), to.summaries()], allow_nan=False)


def test_windows_with_gaps_between_them_do_not_swell_the_answer_of_a_room() -> None:
    of = school()
    for seq in range(1, 701):
        send(of, window(seq, 20.0 * (700 - seq)))
    answer = of.lesson("room-1", 240, [])()
    assert len(answer["pieces"]) == len(answer["gaps"]) == MOST
    assert answer["pieces"][-1]["end"] == answer["to"]  # the newest are there


def test_a_room_that_sends_a_newer_version_is_not_silent_and_has_no_figures_of_now() -> None:
    now = NOW.timestamp()
    told = School("classroom", 4, lambda: now)
    send(told, window(1))
    for seq in range(2, 32):
        now += 10
        send(told, window(seq), schema="edge.window/3")
        summary = told.summaries()["room-1"]
        assert summary["silent_from"] > now * 1000
        assert summary["latest"] is None
    assert told.newer == {"room-1"}


def test_a_window_without_a_frame_says_that_nothing_was_seen() -> None:
    told = school()
    send(told, window(1, 15, suppressed=True))
    assert (told.summaries()["room-1"]["latest"] or {})["unseen"] is False
    send(told, window(2, 10, suppressed=True), frames=0)
    latest = told.summaries()["room-1"]["latest"]
    assert (latest["unseen"], latest["withheld"]["reason"]) == (True, "nothing was seen")
    gaps = told.lesson("room-1", 15, [])()["gaps"]
    assert [gap["kind"] for gap in gaps if gap["kind"] != "nothing"] == ["few_people", "unseen"]
