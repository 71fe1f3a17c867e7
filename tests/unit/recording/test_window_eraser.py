"""When a request to delete counts as asked for, whatever the clock of whoever asks shows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from edge.recording.window_eraser import counts_from

LAST = datetime(2026, 11, 20, 9, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("end", "newest", "now", "synced", "expected"),
    [
        (LAST, LAST, LAST + HOUR, False, LAST + HOUR),
        (None, LAST, LAST + 9 * DAY, False, LAST),
        (None, LAST, LAST + 9 * DAY, True, LAST + 9 * DAY),
        (LAST + DAY, LAST, LAST + 9 * DAY, False, LAST),
        (LAST, LAST, LAST + 9 * DAY, False, LAST + 9 * DAY),
        (LAST, LAST, LAST - 9 * DAY, False, LAST),
        (LAST, LAST, LAST - 9 * DAY, True, LAST),
        (None, LAST, LAST - 9 * DAY, False, LAST),
        (None, LAST, LAST - 9 * DAY, True, LAST - 9 * DAY),
        (LAST + 8 * DAY, LAST + 7 * DAY, LAST - 9 * DAY, False, LAST + 7 * DAY),
        (LAST + 8 * DAY, LAST + 999 * DAY, LAST, False, LAST + 8 * DAY),
        (None, LAST + 999 * DAY, LAST, False, LAST),
    ],
    ids=[
        "right", "ahead", "set, and the recorder was off", "ahead, in a day that goes on", "ahead, of what is over",
        "behind", "set to what is behind", "behind, everything", "the recorder was ahead",
        "the recorder was behind, too", "a room was ahead", "a room was ahead, everything",
    ],
)  # fmt: skip
def test_it_depends_on_no_clock_that_may_be_wrong(
    end: datetime | None, newest: datetime, now: datetime, expected: datetime, *, synced: bool
) -> None:
    assert counts_from(end, LAST, newest, now, synced=synced) == expected


def test_nothing_is_there_to_tell_the_time() -> None:
    assert counts_from(LAST, None, None, LAST, synced=False) == LAST
