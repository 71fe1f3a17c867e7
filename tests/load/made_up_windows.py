"""School days of made-up windows: their figures repeat and do not matter, their number and size do."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from edge.contract.examples import WINDOW
from edge.contract.payloads import FaceFigures, ShareEstimate, WindowPayload, Withheld
from edge.contract.validation import WITHHELD_FIELDS
from edge.recording.rollups import Bucket, rolled_in_order
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import compact

HOURS, SECONDS = 6, 10  # of a day, of a window
FIRST = datetime(2026, 9, 7, 6, 0, tzinfo=timezone.utc)
EACH_DAY, LENGTH, EPOCH = HOURS * 3600 // SECONDS, timedelta(seconds=SECONDS), "6f1c9a2e"
PATTERNS = 97  # different windows


def school_days(count: int) -> Iterator[datetime]:
    """When so many school days begin: Monday to Friday."""
    day = FIRST
    while count:
        if day.weekday() < 5:
            yield day
            count -= 1
        day += timedelta(days=1)


def patterns() -> list[WindowPayload]:
    """Windows that differ as those of a room do: every ninth withholds something."""
    dice = random.Random(1)  # noqa: S311
    found = []
    for number in range(PATTERNS):
        counts = {label: dice.randrange(300) for label in WINDOW.counts or {}}
        total, named = sum(counts.values()), sum(counts.values()) - counts["unknown"]
        estimate = {
            label: ShareEstimate(share=round(n / named, 3), low=round(n / named * 0.8, 3), high=round(n / named, 3))
            for label, n in counts.items()
            if label != "unknown"
        }
        front = total // 2
        changes: dict[str, object] = {
            "faces": FaceFigures(total=total, mean=round(total / 28, 2), min=total // 28, max=total // 28 + 1),
            "counts": counts, "estimate": estimate,
            "facing": WINDOW.facing and WINDOW.facing.model_copy(update={"front": front, "away": total - front}),
            "unclassified": WINDOW.unclassified
            and WINDOW.unclassified.model_copy(update={"too_small": 0, "away": 0, "unclear": counts["unknown"]}),
        }  # fmt: skip
        window = WINDOW.model_copy(update=changes)
        if number % 9 == 8:
            withheld = Withheld(what="figures", reason="few_people")
            window = window.model_copy(update={**WITHHELD_FIELDS["figures"], "withheld": withheld})
        found.append(window)
    return found


def pattern_of(number: int, room: int) -> int:
    """Which of them is the window of a room with a number, from 0, in its day."""
    return (number * 7 + room) % PATTERNS


def roll_ups_of_first_day(records: list[WindowRecord], room: int) -> list[Bucket]:
    """Those of the first day of a room; other days have the same windows at another time, with other numbers."""
    placed = []
    for number in range(EACH_DAY):
        record, start = records[pattern_of(number, room)], FIRST + number * LENGTH
        placed.append(replace(record, epoch=EPOCH, seq=number + 1, start=start, end=start + LENGTH))
    return list(rolled_in_order(placed))


def moved(bucket: Bucket, start: datetime, day: int) -> Bucket:
    """A roll-up of the first day on another day, which begins at `start` and is the `day`-th, from 0."""
    shift = day * EACH_DAY
    low, high, count = bucket.sums.epochs[EPOCH]
    sums = replace(bucket.sums, epochs={EPOCH: [low + shift, high + shift, count]})
    runs = json.loads(bucket.runs_text)
    for run in runs:
        run[3:5] = [run[3] + shift, run[4] + shift]
    return replace(bucket, since=bucket.since + (start - FIRST), sums=sums, runs_text=compact(runs))
