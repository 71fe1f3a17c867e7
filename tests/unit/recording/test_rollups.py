"""Roll-ups: they add up to exactly what their windows do, however these came; what is withheld is in none of them."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.contract.payloads import (
    FaceFigures,
    Facing,
    ModelNames,
    Quality,
    ShareEstimate,
    Span,
    Unclassified,
    WindowPayload,
    Withheld,
)
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import DeviceMessage
from edge.recording import daily_rollups, rollup_reader
from edge.recording.database import Database
from edge.recording.reader import Recording
from edge.recording.retention import Retention
from edge.recording.rollups import WIDTH, Bucket, bucket_of, runs_text
from edge.recording.runs import MOST_RUNS, may_hold, read_runs
from edge.recording.window_record import Stretch, WindowRecord
from edge.recording.window_sums import MAX_LABELS
from edge.reporting.gaps import gaps
from edge.reporting.totals import add_up, binned
from tests.support.paths import ROOT

MONDAY = datetime(2026, 11, 16, 7, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
LABELS = ("happy", "sad", "neutral", "made up")
MODELS = (
    ModelNames(faces="f@1", emotions="e@1", pose="front, p@1"),
    ModelNames(faces="f@1", emotions="e@2", pose="front, p@1"),
)


def window(seq: int, start: datetime, dice: random.Random, *, epoch: str = "6f1c9a2e") -> WindowPayload:
    """Any window: of every mode, withheld or not, with and without an estimate, of a jittering length."""
    end = start + timedelta(milliseconds=dice.choice((10_000, 9_998, 10_003, 1_000, 60_000)))
    mode = dice.choice(("headcount", "facing", "emotions", "emotions", "emotions"))
    what = dice.choice((None, None, None, "figures", "facing", "emotions"))
    what = what if mode == "emotions" or what == "figures" else None
    reasons = {"figures": ("few_people", "short"), "facing": ("few_near",), "emotions": ("few_front",)}
    counts = {label: dice.choice((0, 7, dice.randrange(500))) for label in dice.sample(LABELS, dice.randrange(1, 5))}
    counts["unknown"] = dice.randrange(90)
    total = sum(counts.values())
    hidden = counts if what is None and mode == "emotions" else None
    shares = {
        label: ShareEstimate(share=dice.randrange(10**6) / 10**6, low=dice.random(), high=dice.random())
        for label in counts
        if label != "unknown"
    }
    estimate = shares if hidden is not None and dice.random() < 0.7 else None
    faced = mode != "headcount" and what in (None, "emotions")
    frames = dice.randrange(1, 60)
    return WindowPayload(
        schema="edge.window/2", device="room-1", mode=mode, epoch=epoch, seq=seq, replayed=dice.random() < 0.2,
        window=Span(
            start=format_timestamp(start), end=format_timestamp(end), seconds=(end - start).total_seconds()
        ),
        frames=frames,
        faces=FaceFigures(total=None, mean=None, min=None, max=None)
        if what == "figures"
        else FaceFigures(
            total=total, mean=round(total / frames, 2), min=min(dice.randrange(9), total // frames),
            max=max(dice.randrange(9, 30), -(-total // frames)),
        ),
        facing=Facing(front=total, away=0, unknown=0) if faced else None,
        counts=hidden,
        unclassified=hidden and Unclassified(too_small=0, away=None, unclear=counts["unknown"]),
        people=hidden and {label: round(n / frames, 2) for label, n in hidden.items()},
        estimate=estimate, estimate_absent="few" if hidden is not None and estimate is None else None,
        withheld=Withheld(what=what, reason=dice.choice(reasons[what])) if what else None,
        quality=Quality(coverage=round(dice.random(), 3), clock_synced=dice.random() < 0.9),
        model=dice.choice(MODELS),
    )  # fmt: skip


def windows(seed: int, count: int) -> list[WindowPayload]:
    """Windows after one another, with gaps, lost numbers and now and then a new outbox."""
    dice = random.Random(seed)  # noqa: S311
    found, seq, start, epoch = [], 0, MONDAY, 1
    for _ in range(count):
        seq += dice.choice((1, 1, 1, 1, 3))
        if dice.random() < 0.02:
            epoch, seq = epoch + 1, 1
        found.append(window(seq, start, dice, epoch=f"{epoch:08x}"))
        end = datetime.fromisoformat(found[-1].window.end.replace("Z", "+00:00"))
        start = end + timedelta(milliseconds=dice.choice((0, 0, 0, 3, 1999, 2001, 45_000, 400_000)))
    return found


def store(database: Database, found: Sequence[WindowPayload], now: datetime = MONDAY) -> int:
    return database.store([DeviceMessage(each.device, "window", each, "edge.window/2") for each in found], now)


def read(path: Path) -> tuple[list[WindowRecord], list[Bucket]]:
    recording = Recording(path)
    recording.start()
    try:
        span = ("room-1", MONDAY - DAY, MONDAY + 9 * DAY)
        return list(recording.windows(*span)), list(recording.buckets(*span))
    finally:
        recording.stop()


def runs(buckets: Sequence[Bucket]) -> list[Stretch]:
    return sorted((run for bucket in buckets for run in bucket.runs), key=lambda run: (run.start, run.first))


@pytest.mark.parametrize("seed", range(12))
def test_roll_ups_add_up_to_exactly_what_windows_do(seed: int, database: Database, path: Path) -> None:
    """Late ones, some of them twice, in any order and in transactions of any size."""
    batch = 5 + 7 * seed
    sent = windows(seed, 150)
    order = [*sent, *sent[::3]]
    random.Random(seed).shuffle(order)  # noqa: S311
    assert sum(store(database, order[at : at + batch]) for at in range(0, len(order), batch)) == len(sent)
    found, buckets = read(path)
    assert len(found) == len(sent)
    assert add_up(buckets) == add_up(found)
    assert binned(buckets, MONDAY, 2 * WIDTH) == binned(found, MONDAY, 2 * WIDTH)
    end = found[-1].end
    assert gaps(runs(buckets), [], [], MONDAY, end) == gaps(found, [], [], MONDAY, end)


def test_what_cannot_be_compared_is_not_added_up(database: Database, path: Path) -> None:
    sent = windows(7, 200)
    store(database, sent)
    _, buckets = read(path)
    keys = {(bucket.since, bucket.series) for bucket in buckets}
    assert len(keys) == len(buckets)
    told = {(bucket_of(w.start), w.series) for w in (WindowRecord.of(each) for each in sent)}
    assert keys == told


def test_nothing_of_a_withheld_window_is_in_a_roll_up(database: Database, path: Path) -> None:
    """Two recordings that differ only in what is withheld have the same roll-ups, and so has every difference."""
    dice = random.Random(3)  # noqa: S311
    shown = [window(n, MONDAY + n * timedelta(minutes=1), dice) for n in range(1, 40)]
    withheld = [each for each in shown if each.withheld is not None and each.withheld.what == "figures"]
    assert withheld
    store(database, shown)
    _, whole = read(path)
    rest = add_up([WindowRecord.of(each) for each in shown if each not in withheld])
    figures = ("frames", "mean", "least", "most", "counts", "estimate", "facing", "named_frames")
    assert {name: getattr(add_up(whole), name) for name in figures} == {name: getattr(rest, name) for name in figures}
    text = "".join(row[0] for row in sqlite3.connect(path).execute("SELECT sums || runs FROM rollups"))
    hidden = [bucket for bucket in whole if not bucket.has_figures]
    assert hidden
    for bucket in hidden:
        assert not {"faces", "frames", "counts", "estimate", "facing"} & json.loads(bucket.to_row()[0]).keys()
    assert "figures " in text, "that something is withheld, and why, is kept"


def test_windows_may_go_and_their_roll_ups_stay(database: Database, path: Path) -> None:
    sent = windows(5, 300)
    store(database, sent)
    before, buckets = read(path)
    now = MONDAY + 100 * DAY
    while database.prune(now, Retention(days=200, window_days=50))[1]:
        pass
    after, kept = read(path)
    assert (len(after), kept) == (0, buckets)
    assert add_up(kept) == add_up(before)
    recording = Recording(path)
    recording.start()
    assert recording.devices() == {"room-1": (before[0].start, before[-1].end)}
    recording.stop()
    while database.prune(MONDAY + 201 * DAY, Retention(days=200, window_days=50))[1]:
        pass
    assert read(path) == ([], [])


def test_roll_ups_of_a_clock_that_ran_ahead_are_as_old_as_their_last_change(database: Database, path: Path) -> None:
    dice = random.Random(1)  # noqa: S311
    store(database, [window(1, MONDAY + 7 * DAY, dice)], MONDAY)
    database.prune(MONDAY + 3 * DAY, Retention(days=2))
    assert read(path) == ([], [])


def older(path: Path) -> Path:
    """The same file as version 2 of the layout had it."""
    with sqlite3.connect(path) as file:
        file.executescript(
            "DROP TABLE rollups; DROP TABLE series; DROP TABLE deletions; "
            "DROP TABLE places; "
            "DROP TABLE daily_rollups; DROP TABLE changed_days; "
            "DELETE FROM about WHERE key IN ('rollups_from', 'kept_all', 'retention_from'); PRAGMA user_version=2"
        )
    file.close()
    return path


def test_a_file_of_layout_2_is_read_as_it_is(database: Database, path: Path) -> None:
    store(database, windows(11, 200))
    database.stop()
    _, buckets = read(path)
    found, made = read(older(path))
    assert add_up(made) == add_up(found)
    key = [(bucket.since, bucket.series) for bucket in buckets]
    assert sorted(key) == sorted((bucket.since, bucket.series) for bucket in made)


def test_former_windows_are_added_up_beside_the_recording_and_after_every_kill(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.recording.former_windows.MOST", 20)
    sent = windows(13, 300)
    store(database, sent[:250])
    database.stop()
    older(path)
    steps, arriving = 0, sent[250:]
    more = True
    while more:
        again = Database(path, "classroom")  # as after a kill between two transactions
        again.start()
        more = again.add_up_former(MONDAY)
        if arriving:
            store(again, [arriving.pop(), sent[steps]])  # a new one, and one that is there
        again.stop()
        found, buckets = read(path)
        assert add_up(buckets) == add_up(found), "also while it is under way"
        steps += 1
    assert steps > 10
    last = Database(path, "classroom")
    last.start()
    store(last, arriving)
    last.stop()
    found, buckets = read(path)
    assert len(found) == len(sent)
    assert add_up(buckets) == add_up(found)


def test_a_file_of_0_1_has_roll_ups_once_it_is_recorded_into(tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "tests/fixtures/0.1.0/recording.sqlite", tmp_path))
    found, before = read_all(path)
    database = Database(path, "classroom")
    database.start()
    while database.add_up_former(MONDAY):
        pass
    database.stop()
    assert read_all(path) == (found, before)
    assert add_up(before) == add_up(found)


def read_all(path: Path) -> tuple[list[WindowRecord], list[Bucket]]:
    recording = Recording(path)
    recording.start()
    try:
        span = ("room-1", MONDAY - 400 * DAY, MONDAY + 400 * DAY)
        return list(recording.windows(*span)), list(recording.buckets(*span))
    finally:
        recording.stop()


def test_a_room_that_sends_nonsense_makes_no_endless_roll_up(database: Database, path: Path) -> None:
    dice = random.Random(2)  # noqa: S311
    nonsense = [window(2 * n, MONDAY, dice, epoch=f"{n:08x}") for n in range(1, 3 * MOST_RUNS)]
    nonsense = [
        each.model_copy(update={"counts": {f"{n}": each.faces.total or 0}, "unclassified": None})
        if each.counts
        else each
        for n, each in enumerate(nonsense)
    ]
    store(database, nonsense[: MOST_RUNS // 2])
    store(database, nonsense[MOST_RUNS // 2 :])
    (longest,) = sqlite3.connect(path).execute("SELECT MAX(max(length(sums), length(runs))) FROM rollups").fetchone()
    assert longest < 64 * 1024
    found, buckets = read(path)
    assert add_up(buckets).windows == len(found)
    assert sum(add_up(buckets).counts.values()) == sum(add_up(found).counts.values())


def test_docs_say_how_much_a_roll_up_keeps() -> None:
    page = (ROOT / "docs/record.md").read_text()
    assert f"A roll-up keeps {MAX_LABELS} labels apart" in page
    assert f"It keeps {MOST_RUNS} runs" in page
    page = (ROOT / "docs/dashboard.md").read_text()
    assert f"Of the expressions of a room {MAX_LABELS} are kept apart" in page


def days(path: Path, start: datetime, end: datetime) -> tuple[list[WindowRecord], list[Bucket]]:
    recording = Recording(path)
    recording.start()
    try:
        return list(recording.windows("room-1", start, end)), list(recording.days("room-1", start, end))
    finally:
        recording.stop()


def test_days_add_up_to_exactly_what_windows_do_whatever_changes_after_they_were_made(
    database: Database, path: Path
) -> None:
    dice = random.Random(5)  # noqa: S311
    sent = [window(n, MONDAY + n * timedelta(minutes=31), dice) for n in range(1, 300)]
    start, end = MONDAY, MONDAY + 7 * DAY
    dice.shuffle(sent)

    def check() -> list[Bucket]:
        found, parts = days(path, start, end)
        assert add_up(parts) == add_up(found)
        return parts

    store(database, sent[:200])
    many = len(check())
    while database.add_up_days(end + DAY):
        pass
    parts = check()
    assert len(parts) < many / 3
    whole = [part for part in parts if part.duration == DAY]
    assert {part.since.hour for part in whole} == {0}
    assert len({part.since.date() for part in whole}) == 6, "the first and the last are no whole days"
    first = sent[0]  # another of the same five minutes
    span = {"start": first.window.start[:-5] + ".250Z", "end": first.window.end[:-5] + ".999Z", "seconds": 10.0}
    store(database, [first.model_copy(update={"seq": 5000, "window": Span.model_validate(span)})])
    check()
    store(database, sent[200:250])  # late ones
    check()
    database.add_up_days(MONDAY + 3 * DAY)
    store(database, sent[250:])
    check()
    while database.add_up_days(end + DAY):
        pass
    found, parts = days(path, MONDAY - DAY, end)
    stretches = sorted((run for part in parts for run in part.runs), key=lambda run: (run.start, run.first))
    assert gaps(stretches, [], [], MONDAY, end) == gaps(found, [], [], MONDAY, end)


def test_a_day_that_is_not_over_is_not_made(database: Database, path: Path) -> None:
    store(database, windows(1, 50))
    assert not database.add_up_days(MONDAY + timedelta(hours=9))
    _, parts = days(path, MONDAY - DAY, MONDAY + DAY)
    assert all(part.duration == WIDTH for part in parts)


@pytest.mark.parametrize(("name", "most"), [("MOST_ROWS", 200), ("MOST_BYTES", 60_000)])
def test_a_day_with_more_than_an_honest_room_has_costs_the_others_little(
    database: Database, path: Path, name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (daily_rollups, rollup_reader):
        monkeypatch.setattr(module, name, most)

    def made(device: str, number: int, model: int) -> DeviceMessage:
        one = window(number + 1, MONDAY + number % 80 * WIDTH, random.Random(number))  # noqa: S311
        models = one.model.model_copy(update={"faces": f"made up {model}"})
        return DeviceMessage(
            device, "window", one.model_copy(update={"device": device, "model": models}), "edge.window/2"
        )

    database.store([made("room-1", number, number // 80) for number in range(400)], MONDAY + DAY)
    database.store([made("room-2", number, 0) for number in range(80)], MONDAY + DAY)
    while database.add_up_days(MONDAY + 2 * DAY):
        pass
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT DISTINCT device FROM daily_rollups").fetchall() == [("room-2",)]
        assert raw.execute("SELECT device FROM changed_days").fetchall() == [("room-1",)]
    recording = Recording(path)
    recording.start()
    found = {
        room: [
            add_up(read(room, MONDAY - DAY, MONDAY + 2 * DAY)).windows for read in (recording.days, recording.buckets)
        ]
        for room in ("room-1", "room-2")
    }
    hour = add_up(recording.buckets("room-1", MONDAY, MONDAY + 12 * WIDTH)).windows
    recording.stop()
    assert found == {"room-1": [0, 0], "room-2": [80, 80]}
    assert hour == 60  # a lesson of such a day has a page


def test_numbers_that_fall_and_ever_new_epochs_and_models_stay_readable_and_bounded(tmp_path: Path) -> None:
    """What one room makes up must neither end the recorder nor make it slow for the others."""
    database = Database(tmp_path / "r.sqlite", "classroom")
    database.start()
    start = datetime(2026, 11, 16, 8, 0, tzinfo=timezone.utc)

    def hostile(number: int) -> DeviceMessage:
        begin = start + timedelta(milliseconds=500 * number)
        made = window(5000 - 2 * number, begin, random.Random(number), epoch=f"{number % 300:08x}")  # noqa: S311
        models = made.model.model_copy(update={"faces": f"made up {number}"})
        made = made.model_copy(update={"device": "room-9", "model": models})
        return DeviceMessage("room-9", "window", made, "edge.window/2")

    for first in range(0, 1000, 200):
        database.store([hostile(number) for number in range(first, first + 200)], start + timedelta(days=2))
    while database.add_up_days(start + timedelta(days=2)):
        pass
    database.stop()
    with sqlite3.connect(tmp_path / "r.sqlite") as raw:
        assert raw.execute("SELECT COUNT(*) FROM series").fetchone()[0] <= 23  # and one of each mode for the rest
        assert raw.execute("SELECT MAX(length(sums)), MAX(length(runs)) FROM rollups").fetchone() < (65536, 65536)
    recording = Recording(tmp_path / "r.sqlite")
    recording.start()
    buckets = list(recording.buckets("room-9", start, start + timedelta(days=1)))
    assert sum(bucket.sums.windows for bucket in buckets) == 1000
    assert all(bucket.start < bucket.end for bucket in buckets)
    recording.stop()


def test_runs_say_which_windows_they_have(subtests: pytest.Subtests) -> None:
    dice, gap = random.Random(1), timedelta(minutes=1)  # noqa: S311
    sent = [WindowRecord.of(window(n, MONDAY + n * gap, dice)) for n in (1, 2, 4)]
    found = read_runs(runs_text(sent, MONDAY), MONDAY)
    assert all(may_hold(found, each) for each in sent)
    for what, other in {
        "between": window(3, MONDAY + 3 * gap, dice),
        "another number": window(7, MONDAY + 2 * gap, dice),
        "another epoch": window(2, MONDAY + 2 * gap, dice, epoch="00000002"),
        "another time of the same number": window(2, MONDAY + 4 * gap, dice),
    }.items():
        with subtests.test(what):
            assert not may_hold(found, WindowRecord.of(other))


def test_what_thousands_of_windows_say_alike_is_in_memory_once(database: Database, path: Path) -> None:
    store(database, windows(1, 100))
    found, _ = read(path)
    names = [name for each in found for name in (*(each.counts or {}), *(each.estimate or {}))]
    assert len({id(name) for name in names}) == len(set(names)) < len(names)
