"""Windows as CSV, one line each, for spreadsheets and statistics."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Iterable
from datetime import date, datetime, timezone
from pathlib import Path
from typing import NamedTuple

from edge.contract.labels import reading_order
from edge.contract.validation import WITHHELD_FIELDS
from edge.files.whole_file import whole_csv
from edge.recording.recorded import Recorded
from edge.recording.rollups import WIDTH, bucket_of
from edge.recording.window_row import COLUMNS, DAMAGED, FACING, UNCLASSIFIED, DamagedError

MOST_LABELS = 100  # of all windows; those of two models at most
JSON_COLUMNS = ("counts", "estimate", "facing", "unclassified")

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Also behind what some spreadsheets take for the end of a cell, and within quotes, which they take off.
FORMULA = re.compile(r"(^|[;\t\r\n])(?=\"*[=+\-@\t\r])")


def write_csv(recording: Recorded, device: str, start: datetime, end: datetime, path: Path) -> int:
    """Write the windows of a period; returns how many.

    Counts become a column `count_<label>` each, estimates `share_`, `low_` and `high_`; empty: not known. Of more
    labels than models have, the first ones are written.

    Raises:
        OSError: The file cannot be written.
    """
    plain = [name for name in COLUMNS if name not in JSON_COLUMNS]
    counted_set: set[str] = set()
    estimated_set: set[str] = set()
    for window in recording.windows(device, start, end):  # once for the columns, and to see that all are sound
        _note(counted_set, window.counts or ())
        _note(estimated_set, window.estimate or ())
    counted = reading_order(counted_set)
    parts = [(name, part) for name in reading_order(estimated_set) for part in ("share", "low", "high")]
    head = [*plain, *(f"facing_{part}" for part in FACING), *(f"unclassified_{part}" for part in UNCLASSIFIED)]
    head += [*(f"count_{name}" for name in counted), *(f"{part}_{name}" for name, part in parts)]
    written = 0
    with whole_csv(path) as file:
        writer = csv.writer(file)
        writer.writerow([cell_of(name) for name in head])
        for row in recording.rows(device, start, end):
            values = dict(zip(COLUMNS, row, strict=True))
            if values["withheld"]:  # whatever another program wrote beside that
                hidden = WITHHELD_FIELDS[str(values["withheld"])]
                values |= {name: None for name in COLUMNS if name in hidden or name.partition("_")[0] in hidden}
            line = [values[name] for name in plain]
            try:
                counts, estimate, facing, unclassified = (
                    json.loads(str(values[name] or "{}")) for name in JSON_COLUMNS
                )
                line += [*(facing.get(part) for part in FACING), *(unclassified.get(part) for part in UNCLASSIFIED)]
                line += [counts.get(name) for name in counted]
                line += [estimate.get(name, {}).get(part) for name, part in parts]
            except DAMAGED:
                raise recording.damaged(row) from None
            writer.writerow([cell_of(value) for value in line])
            written += 1
    return written


class LeftOut(NamedTuple):
    """What is kept of a period, but not window by window.

    Attributes:
        windows: Of which only the sums of five minutes are kept.
        exact: Whether these are so many: else the period cuts five minutes, of which all are counted.
        days: (UTC) of which only the sums of the whole day are.
    """

    windows: int
    exact: bool
    days: list[date]


def left_out(recording: Recorded, device: str, start: datetime, end: datetime) -> LeftOut:
    """What `write_csv` of a period has nothing of: windows may be kept for fewer days than their sums."""
    start, end = start.astimezone(timezone.utc), end.astimezone(timezone.utc)
    first, last = bucket_of(start), end if bucket_of(end) == end else bucket_of(end) + WIDTH
    windows, days = 0, set[date]()
    with contextlib.suppress(DamagedError):  # of sums: they are not what was asked for
        # Before the windows, of which some may come meanwhile.
        summed = sum(bucket.sums.windows for bucket in recording.buckets(device, first, last))
        windows = summed - sum(each.windows for each in recording.windows_by_day(device, first, last))
        days = {each.since.date() for each in recording.kept_days(device, start, end)}
    return LeftOut(max(0, windows), (first, last) == (start, end), sorted(days))


def _note(labels: set[str], more: Iterable[str]) -> None:
    """Add labels while they are few: a room that makes up ever more would have a column for each in every line."""
    for label in more:
        if len(labels) < MOST_LABELS:
            labels.add(label)


def cell_of(value: object) -> object:
    """Text that a spreadsheet would take for a formula is marked as text; what no reader of CSV takes is replaced."""
    return FORMULA.sub(r"\1'", CONTROL.sub("?", value)) if isinstance(value, str) else value
