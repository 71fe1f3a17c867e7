"""Rows of a file as a database takes them. Another program may have written the file: every value is checked.

Each function raises one of `DAMAGED` for a row that `edge record` did not write.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

from edge.contract.causes import without_names
from edge.contract.payloads import FaceFigures, RunMode
from edge.contract.topics import NAME_PATTERN
from edge.contract.validation import MAX_PAYLOAD, SCHEMA_PATTERN, faces_fit, frames_fit
from edge.recording.places import is_written_place
from edge.recording.postgres.window_rows import without_nul
from edge.recording.retention import AHEAD
from edge.recording.rollups import Bucket, runs_text
from edge.recording.sum_bounds import check_sums
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import LONGEST_NAME, moment
from edge.recording.window_sums import WindowSums

MOST = 2**53  # of anything that is counted


def device(value: object) -> str:
    """The name of a device."""
    return _matching(NAME_PATTERN, value)


def deletion(row: tuple[Any, ...], now: datetime, last: datetime | None) -> tuple[Any, ...]:
    """Asked, by, device, start, end, windows and finished.

    It reaches to when it was asked for at most. Nobody asks in a time to come: then it counts as of when what is in the
    file came last, or a row would have all left out that is measured until then.
    """
    asked, by, name, start, end, windows, finished = row
    was = moment(asked)
    if was > now + AHEAD or not isinstance(windows, int) or not 0 <= windows <= MOST:
        raise ValueError
    if was > now:
        was = min(now, last or now)
    until = None if end is None else min(moment(end), was)
    return was, _text(by), name and device(name), start and moment(start), until, windows, finished and moment(finished)


def state(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Device, since, mode, reason, received."""
    name, since, mode, reason, received = row
    if mode not in get_args(RunMode):
        raise ValueError
    return device(name), moment(since), mode, without_names(_text(reason) or ""), moment(received)


def availability(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Device, received, online (0 or 1)."""
    name, received, online = row
    if online not in (0, 1):
        raise ValueError
    return device(name), moment(received), online


def newer(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Device, schema, received, payload."""
    name, schema, received, payload = row
    if not isinstance(payload, bytes) or len(payload) > MAX_PAYLOAD:
        raise ValueError
    return device(name), _matching(SCHEMA_PATTERN, schema), moment(received), payload


def place(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Device, after (may be empty), heard, what is hidden or withheld (may be empty), share that is masked."""
    name, after, heard, written, masked = row
    if (
        not is_written_place(written)
        or not isinstance(masked, float | int)
        or not math.isfinite(masked)
        or not 0 <= masked <= 1
    ):
        raise ValueError
    begins = after if after == "" else moment(after).isoformat()
    return device(name), begins, moment(heard), written, masked


def window(values: dict[str, Any], record: WindowRecord) -> dict[str, Any]:
    """The values of `COLUMNS` of a window that could be read, without what it withholds."""
    device(values["device"])
    faces = FaceFigures(total=record.total, mean=record.mean, min=record.low, max=record.high)
    if not frames_fit(record.frames, record.duration.total_seconds()):
        raise ValueError
    if record.has_figures and not faces_fit(record.frames, faces):
        raise ValueError
    sums = WindowSums()
    sums.add(record)
    check_sums(sums)  # else the roll-up that it goes into would be damaged
    hidden = {
        "counts": record.counts, "unclassified": record.counts, "estimate": record.estimate,
        "estimate_absent": record.estimate_absent, "facing": record.facing, "faces_total": record.total,
        "faces_mean": record.mean, "faces_min": record.low, "faces_max": record.high,
    }  # fmt: skip
    return values | {name: None for name, shown in hidden.items() if shown is None}


def bucket(found: Bucket) -> Bucket:
    """A roll-up whose sums could be read. Raises DamagedError as well, where its runs cannot be."""
    if any(len(name or "") > LONGEST_NAME for name in found.series[1:]):
        raise ValueError
    return replace(found, runs_text=runs_text(found.runs, found.since))


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        raise TypeError
    return without_nul(value[:LONGEST_NAME])


def _matching(pattern: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value):
        raise ValueError
    return value
