"""A window as a row of the table `windows`, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, TypeVar, cast, get_args

from pydantic_core import to_json

from edge.contract.labels import is_label
from edge.contract.payloads import EstimateAbsent, Facing, Unclassified, WindowPayload, Withheld
from edge.contract.shares import ShareRange
from edge.contract.timestamps import PATTERN, parse_timestamp
from edge.contract.validation import MAX_COUNT, SCHEMA_PATTERN, WITHHELD_FIELDS
from edge.errors import EdgeError
from edge.recording.sum_bounds import EPOCH_PATTERN
from edge.recording.window_record import Series, WindowRecord

FACING, UNCLASSIFIED = tuple(Facing.model_fields), tuple(Unclassified.model_fields)
"""The parts of these figures, in the order in which tables have them."""
FIRST, LAST = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1971, 2200))  # what time zones can follow
LONGEST_NAME = 200  # characters of a model's name, and of the reason of a state, that are kept
LONGEST_TEXT = 64 * 1024  # bytes of any value of a row that is read: what a message can bring
Group = TypeVar("Group", Facing, Unclassified)
Name = TypeVar("Name", str, "str | None")
DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""What reading a row raises that `edge record` did not write."""


class DamagedError(EdgeError):
    """Something is stored that `edge record` did not write; the rest of what is there can be used."""


COLUMNS = (
    "device", "epoch", "seq", "start", "end", "seconds", "received", "schema", "mode", "replayed", "frames",
    "faces_total", "faces_mean", "faces_min", "faces_max", "facing", "counts", "unclassified", "estimate",
    "estimate_absent", "withheld", "withheld_reason", "coverage", "clock_synced", "model_faces", "model_emotions",
    "model_pose",
)  # fmt: skip
"""Of the table `windows`, in the order in which they are written and read."""
SELECTED = ", ".join(f'"{column}"' for column in COLUMNS)
READ = [f'"{column}"' for column in COLUMNS]
READ[COLUMNS.index("epoch")] = "iif(typeof(epoch) = 'text', replace(epoch, ' ' || substr(start, 1, 30), ''), epoch)"
"""Without the start that stands behind the epoch of the second window of a number (`edge.recording.used_numbers`)."""
# What is longer is taken for damaged.
BOUNDED = ", ".join(f"iif(length({name}) > {LONGEST_TEXT}, X'', {name})" for name in READ)
INSERT_WINDOW = f"""
INSERT OR IGNORE INTO windows ({SELECTED}) SELECT {", ".join(f"?{n}" for n in range(1, len(COLUMNS) + 1))}
WHERE NOT EXISTS (SELECT 1 FROM windows WHERE device = ?1 AND epoch = ?2 || ' ' || ?4 AND seq = ?3)
"""  # noqa: S608
"""Not one that is there as the second of its number."""
BETWEEN = f"SELECT {BOUNDED} FROM windows WHERE device = ? AND start >= ? AND start < ? ORDER BY start, seq"  # noqa: S608
"""The windows of a device that begin between two times."""
FIRST_ROWID = -(2**63)  # before every row
_PAGE = f"SELECT {BOUNDED}, rowid FROM windows WHERE device = ?1 AND"  # noqa: S608
# Two questions, so that those of one moment are found by number, however many a room makes up.
NEXT_PAGE = f"""
SELECT * FROM ({_PAGE} start = ?2 AND +start < ?4 AND rowid > ?3 ORDER BY rowid LIMIT ?5)
UNION ALL SELECT * FROM ({_PAGE} start > ?2 AND start < ?4 ORDER BY start, rowid LIMIT ?5) LIMIT ?5
"""  # noqa: S608
"""The windows of a device that come after a start and a `rowid`, before an end, in that order, at most so many; each
with its `rowid` behind the values of `COLUMNS`."""


def moment(value: object) -> datetime:
    """A time as recorders write it, which others also read as text: week dates or `infinity` are none."""
    if not isinstance(value, str) or not re.fullmatch(PATTERN, value):
        raise ValueError
    found = parse_timestamp(value)
    if not FIRST <= found < LAST:
        raise ValueError
    return found


def compact(content: object) -> str:
    """JSON without spaces, in a quarter of the time that the module `json` takes.

    Raises:
        ValueError: A text has half a character (a lone surrogate).
    """
    return to_json(content, inf_nan_mode="constants").decode()


def window_row(window: WindowPayload, received: str, schema: str) -> tuple[object, ...]:
    """A window as the values of `COLUMNS`."""
    span, faces, quality, model, withheld = window.window, window.faces, window.quality, window.model, window.withheld
    facing, unclassified, estimate = window.facing, window.unclassified, None
    if window.estimate is not None:
        estimate = {name: vars(each) for name, each in window.estimate.items()}
    return (
        window.device, window.epoch, window.seq, span.start, span.end, span.seconds,
        received, schema, window.mode, window.replayed, window.frames,
        faces.total, faces.mean, faces.min, faces.max,
        _json(facing and vars(facing)), _json(window.counts),
        _json(unclassified and vars(unclassified)), _json(estimate), window.estimate_absent,
        withheld and withheld.what, withheld and withheld.reason,
        quality.coverage, quality.clock_synced, model.faces, model.emotions, model.pose,
    )  # fmt: skip


def _json(content: object) -> str | None:
    return None if content is None else compact(content)


def read_windows(
    rows: Iterable[tuple[object, ...]], damaged: Callable[[Sequence[object]], EdgeError]
) -> Iterator[WindowRecord]:
    """The windows of rows, in order.

    Args:
        rows: The values of `COLUMNS`.
        damaged: Makes the error to be raised for a row that `edge record` did not write.
    """
    for row in rows:
        try:
            yield read_window(row)
        except DAMAGED:
            raise damaged(row) from None


def read_window(row: tuple[object, ...]) -> WindowRecord:
    """The values of `COLUMNS` as a window. Raises one of `DAMAGED` for a row that `edge record` did not write."""
    (_, epoch, seq, start, end, seconds, received, schema, mode, replayed, frames, total, mean, low, high, facing,
     counts, unclassified, estimate, absent, what, reason, coverage, synced, by_faces, by_emotions,
     by_pose) = row  # fmt: skip
    withheld = Withheld.model_validate({"what": what, "reason": reason}) if what is not None else None
    hidden = WITHHELD_FIELDS[withheld.what] if withheld else {}
    figures = "faces" not in hidden
    observed = _from_json(counts) if "counts" not in hidden else None
    shares = _from_json(estimate) if "estimate" not in hidden else None
    if not all(map(is_label, (*(observed or ()), *(shares or ())))):
        raise ValueError
    if observed is not None and not all(0 <= _whole(n) <= MAX_COUNT for n in observed.values()):
        raise ValueError
    if mode not in ("headcount", "facing", "emotions"):
        raise ValueError
    first, last = parse_timestamp(str(start)), parse_timestamp(str(end))
    if not FIRST <= first < last < LAST:
        raise ValueError
    if not EPOCH_PATTERN.fullmatch(str(epoch)) or not re.fullmatch(SCHEMA_PATTERN, str(schema)):
        raise ValueError
    if not FIRST <= parse_timestamp(str(received)) < LAST:
        raise ValueError
    _number(seconds, MAX_COUNT)
    turned = _group(Facing, facing) if "facing" not in hidden else None
    nameless = _group(Unclassified, unclassified) if observed is not None else None
    if absent is not None and absent not in get_args(EstimateAbsent):
        raise ValueError
    return WindowRecord(
        epoch=_shared(str(epoch)), seq=_count(seq), start=first, end=last,
        mode=mode, replayed=bool(replayed), frames=_count(frames),
        total=_count(total) if figures else None, mean=_number(mean, MAX_COUNT) if figures else None,
        low=_count(low) if figures else None, high=_count(high) if figures else None,
        facing=turned,
        counts=observed and {_shared(name): n for name, n in observed.items()},
        unclassified=nameless,
        estimate=shares and {
            _shared(str(name)): ShareRange(*(_number(each[part], 1.0) for part in ("share", "low", "high")))
            for name, each in shares.items()
        },
        estimate_absent=cast("EstimateAbsent | None", absent) if observed is not None else None, withheld=withheld,
        coverage=_number(coverage, 1.0), clock_synced=bool(synced),
        series=Series(mode, _name(str(by_faces)), _name(_text(by_emotions)), _name(_text(by_pose))),
    )  # fmt: skip


def _count(value: object) -> int:
    """A number of frames or faces; None counts as damaged too. Raises ValueError, TypeError."""
    found = _whole(value)
    if not 0 <= found <= MAX_COUNT:
        raise ValueError
    return found


def _number(value: object, most: float) -> float:
    """A number from 0 to `most`, and so neither infinite nor none. Raises ValueError."""
    found = float(str(value))
    if not 0 <= found <= most:
        raise ValueError
    return found


def _group(kind: type[Group], text: object) -> Group | None:
    """Figures that belong together; a part may be missing. Raises ValueError, TypeError."""
    if text is None:
        return None
    figures = _from_json(text)
    if not all(part is None or 0 <= _whole(part) <= MAX_COUNT for part in figures.values()):
        raise ValueError
    return kind(**figures)


def _name(name: Name) -> Name:
    """The name of a model. Raises ValueError for a longer one than any that is kept."""
    if len(name or "") > LONGEST_NAME:
        raise ValueError
    return name and _shared(name)


@lru_cache(maxsize=1000)
def _shared(text: str) -> str:
    """The same text, once in memory: thousands of windows have the same names in them."""
    return text


def _from_json(text: object) -> Any:  # noqa: ANN401 - whatever stands in the file
    return None if text is None else json.loads(str(text))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value
