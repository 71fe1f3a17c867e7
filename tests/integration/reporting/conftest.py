"""A recording of a week."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.lessons import HIDDEN, MINUTE, MONDAY, message, record, stamp


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five mornings of ten-minute steps, and a second room."""
    folder = tmp_path_factory.mktemp("week")
    windows: list[tuple[str, Any]] = []
    for step in range(5 * 24):
        start = MONDAY + timedelta(days=step // 24) + (step % 24) * 10 * MINUTE
        span = {"start": stamp(start), "end": stamp(start + 10 * MINUTE), "seconds": 600.0}
        windows.append(("window", message(step + 1, start, window=span, **(HIDDEN if step % 24 == 7 else {}))))
    path = record(folder / "week.sqlite", windows)
    return record(path, [("window", message(1, MONDAY, device="room-2"))], "room-2")
