"""Roll-ups are believed as far as windows can have added up to them, and no further."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from edge.errors import EdgeError
from edge.recording.rollups import Bucket, roll_up
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DAMAGED
from tests.unit.recording.test_rollups import windows

HUGE = (10**10, 10**30, 10**400)
ZERO = ("windows", "recorded", "most")  # nothing of these is no room's


@pytest.fixture(scope="module")
def honest() -> list[Bucket]:
    """Roll-ups with every number that there is."""
    buckets = roll_up(map(WindowRecord.of, windows(1, 300)))
    names = {name for bucket in buckets for name in bucket.sums.as_json()}
    assert names == set(vars(buckets[0].sums)), "each is tried"
    return buckets


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where numbers are."""
    if isinstance(value, int):
        yield path
    elif isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(text: str, path: tuple[Any, ...], number: object) -> str:
    """JSON with another value in one place."""
    content = inner = json.loads(text)
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = number
    return json.dumps(content)


def read(bucket: Bucket, sums: str, runs: str) -> None:
    assert Bucket.from_row(bucket.since, bucket.series, sums, runs).runs


def test_what_windows_add_up_to_is_read(honest: list[Bucket]) -> None:
    for bucket in honest:
        read(bucket, *bucket.to_row())


@pytest.mark.parametrize("number", [*HUGE, -1, 0.5, "1", None])
def test_a_number_that_no_windows_add_up_to_is_damage(honest: list[Bucket], number: object) -> None:
    for bucket in honest:
        sums, runs = bucket.to_row()
        for path in places(json.loads(sums)):
            if path[0] in ("analysed", "faces", "estimate") and number == HUGE[0]:
                continue  # of millionths that is not many
            with pytest.raises(DAMAGED):
                read(bucket, changed(sums, path, number), runs)
        for path in places(json.loads(runs)):
            with pytest.raises(EdgeError, match="is damaged"):
                read(bucket, sums, changed(runs, path, number))


@pytest.mark.parametrize("name", ZERO)
def test_a_room_without_time_or_windows_is_none(honest: list[Bucket], name: str) -> None:
    for bucket in honest:
        sums, runs = bucket.to_row()
        if name in json.loads(sums):
            with pytest.raises(DAMAGED):
                read(bucket, changed(sums, (name,), 0), runs)


@pytest.mark.parametrize("label", ["", "a\x00", "\ud800", "x" * 200, "a\x1b[2J"])
@pytest.mark.parametrize("name", ["counts", "estimate", "withheld", "epochs"])
def test_a_name_that_no_window_has_is_damage(honest: list[Bucket], name: str, label: str) -> None:
    bucket = next(each for each in honest if getattr(each.sums, name))
    content = bucket.sums.as_json()
    parts = dict(getattr(bucket.sums, name))
    parts[label] = parts.pop(next(iter(parts)))
    with pytest.raises(DAMAGED):
        read(bucket, json.dumps(content | {name: parts}), bucket.runs_text)


@pytest.mark.parametrize("part", [2, 7])
def test_a_run_with_another_epoch_or_reason_is_damage(honest: list[Bucket], part: int) -> None:
    bucket = honest[0]
    for text in ("a\x00", "x" * 8, 7):
        with pytest.raises(EdgeError, match="is damaged"):
            read(bucket, bucket.to_row()[0], changed(bucket.runs_text, (0, part), text))


def test_a_day_is_believed_as_its_five_minutes_are(honest: list[Bucket]) -> None:
    whole = honest[0]
    for each in honest[1:]:
        whole.sums.merge(each.sums)
    assert whole.sums.recorded > timedelta(hours=1) / timedelta(milliseconds=1)
    read(whole, *whole.to_row())
