"""How many windows are missing, also where a device gives numbers again: by windows, five minutes and days alike."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from edge.contract.payloads import Span, WindowPayload
from edge.contract.timestamps import format_timestamp
from edge.recording.daily_rollups import whole_day
from edge.recording.rollups import roll_up
from edge.recording.runs import MOST_RUNS
from edge.recording.window_record import WindowRecord
from edge.reporting.totals import Bins, Part, add_up
from tests.unit.recording.test_rollups import DAY, MONDAY, window

TEN = timedelta(seconds=10)
MIDNIGHT = MONDAY.replace(hour=0)


def sent(*numbers: int, alike: int = 30, after: int = 0, epoch: str = "6f1c9a2e") -> list[WindowPayload]:
    """A window each ten seconds, of every mode and series, so many of each in turn, after so many others."""
    found = []
    for n, seq in enumerate(numbers):
        start = MONDAY + (after + n) * TEN
        span = Span(start=format_timestamp(start), end=format_timestamp(start + TEN), seconds=10.0)
        one = window(seq, start, random.Random(n // alike), epoch=epoch)  # noqa: S311
        found.append(one.model_copy(update={"window": span}))
    return found


def missing(windows: list[WindowPayload], *deleted: tuple[datetime, datetime]) -> int:
    """Of windows, and of whatever they were added up to."""
    records = sorted(map(WindowRecord.of, windows), key=lambda each: (each.start, each.seq))
    buckets = roll_up(records)
    days = whole_day(MIDNIGHT, buckets)
    found = set()
    for parts in (records, buckets, days):
        bins = Bins(MIDNIGHT, DAY, deleted)
        for part in parts:
            bins.add(part)
        found |= {add_up(parts, deleted).missing, bins.totals.missing, bins.totals.missing}
    (number,) = found
    return number


def test_a_card_restored_from_an_older_image_has_nothing_missing_between_its_numbers() -> None:
    first, again = range(100_000, 100_360), range(82_000, 82_720)
    assert missing(sent(*first, *again)) == 0
    assert missing(sent(*first[:100], *first[103:], *again[:50], *again[57:])) == 3 + 7
    third = range(82_300, 82_330)
    assert missing(sent(*first, *again, *third)) == 0
    other = sent(*first[:100:2], after=1200, epoch="00000001")
    assert missing([*sent(*first, *again), *other]) == 49, "the numbers of each epoch by themselves"


def test_it_may_be_restored_within_five_minutes_of_one_series() -> None:
    assert missing(sent(100_000, 100_001, 100_003, 50, 51, 53, 54)) == 2


@pytest.mark.parametrize("seed", range(20))
def test_numbers_that_only_grow_are_counted_as_ever_whatever_came_last(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    numbers = [seq for seq in range(1, 400) if dice.random() < 0.9]
    windows = sent(*numbers, alike=1 + seed % 3)
    dice.shuffle(windows)
    assert missing(windows) == numbers[-1] - numbers[0] + 1 - len(numbers)


@pytest.mark.parametrize("seed", range(20))
def test_what_was_deleted_is_not_missing_wherever_it_begins_and_ends(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    first, length = dice.randrange(20, 200), dice.randrange(1, 150)
    lost = {5, 6, *range(380, 390)}
    start = MONDAY + first * TEN + timedelta(seconds=dice.randrange(10))
    span = start, start + length * TEN - timedelta(seconds=dice.randrange(10))
    sent_all = sent(*range(1, 400), alike=1 + seed % 3)
    left = [
        each for n, each in enumerate(sent_all, 1)
        if n not in lost and not (MONDAY + (n - 1) * TEN < span[1] and MONDAY + n * TEN > span[0])
    ]  # fmt: skip
    assert missing(left, span) == len(lost) < missing(left)


def test_a_clock_that_was_set_back_makes_no_more_missing_than_there_can_be() -> None:
    early, late = sent(*range(1, 100), 150), sent(*range(151, 300), after=40)
    assert missing([*early, *late]) <= 50


def test_a_day_whose_runs_were_put_together_counts_what_its_numbers_tell() -> None:
    windows = sent(*range(1, 5 * MOST_RUNS, 2), alike=5 * MOST_RUNS)
    days = whole_day(MIDNIGHT, roll_up(map(WindowRecord.of, windows)))
    assert max(len(each.runs) for each in days) == MOST_RUNS
    parts: list[Part] = [*days]
    assert add_up(parts).missing == 5 * MOST_RUNS // 2 - 1
