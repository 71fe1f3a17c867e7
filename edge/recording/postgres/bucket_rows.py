"""Roll-ups of five minutes and of days, as rows of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from edge.recording.rollups import Bucket
from edge.recording.window_record import Series

SERIES = "e.mode, e.model_faces, e.model_emotions, e.model_pose"
"""What a `Series` is made of, where `e` is the table `series`."""
KEPT = f"""
SELECT d.day::timestamp AT TIME ZONE 'UTC', {SERIES}, d.sums::text, d.runs
FROM edge.daily_rollups d JOIN edge.series e ON e.id = d.series
WHERE d.device = %s AND d.kept AND d.day >= %s AND d.day < %s ORDER BY d.day, d.series
"""  # noqa: S608
"""The days of a device, from one on and before another, that have outlived their five minutes: each with its start."""
WINDOWS = "coalesce(sum(edge.bounded(sums -> 'windows', 1e13)), 0)::bigint"
"""How many windows some of them stand for."""


def read_bucket(since: datetime, row: Sequence[Any]) -> Bucket:
    """One that begins at a moment, from `SERIES`, its sums and its runs. Raises one of `DAMAGED`."""
    *series, sums, runs = row
    return Bucket.from_row(since, Series(*series), sums, runs)
