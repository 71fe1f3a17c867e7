"""A window as a row of the table `windows`, and back: between them the values of `COLUMNS`, as a SQLite file has them.

So both kinds of storage read a window by the same checks, and a file can be copied row by row.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.postgres.bucket_rows import SERIES
from edge.recording.window_record import Series
from edge.recording.window_row import COLUMNS, FACING, UNCLASSIFIED, compact

PLAIN = (
    "epoch", "seq", "seconds", "schema", "frames", "faces_total", "faces_min", "faces_max", "faces_mean", "coverage",
    "estimate_absent", "withheld", "withheld_reason",
)  # fmt: skip
TIMES = ("start", "end", "received")
FLAGS = ("replayed", "clock_synced")
JSON = ("counts", "estimate")
TYPES = {
    "device": "int4", "series": "int4", "seq": "int4", "seconds": "float8", "coverage": "float8", "frames": "int4",
    "faces_mean": "float8", **dict.fromkeys(FLAGS, "bool"), **dict.fromkeys(JSON, "jsonb"),
    **dict.fromkeys(TIMES, "timestamptz"), **dict.fromkeys(("faces_total", "faces_min", "faces_max"), "int4"),
    **{f"facing_{part}": "int4" for part in FACING}, **{f"unclassified_{part}": "int4" for part in UNCLASSIFIED},
    **dict.fromkeys(("epoch", "schema", "estimate_absent", "withheld", "withheld_reason"), "text"),
}  # fmt: skip
"""Columns of `windows` in the order in which they are copied, with their types."""
COPIED = ["text" if kind == "jsonb" else kind for kind in TYPES.values()]
"""As what they are copied: JSON is text already, and PostgreSQL reads it."""
STORED = ", ".join(f'"{column}"' for column in TYPES)

READ = (*PLAIN, *TIMES, *FLAGS)
# The rows first, in any order: they lie on as many pages as there are, which PostgreSQL then has read side by side.
BETWEEN = f"""
WITH w AS MATERIALIZED (SELECT * FROM edge.windows WHERE device = %s AND start >= %s AND start < %s)
SELECT {", ".join(f'w."{column}"' for column in READ)}, {", ".join(f"w.{name}::text" for name in JSON)},
    {", ".join(f"w.facing_{part}" for part in FACING)}, {", ".join(f"w.unclassified_{part}" for part in UNCLASSIFIED)},
    {SERIES}
FROM w JOIN edge.series e ON e.id = w.series WHERE (w.start, w.seq, w.epoch) > (%s, %s, %s)
ORDER BY w.start, w.seq, w.epoch LIMIT %s
"""  # noqa: S608
"""The windows of a device that begin between two times and come after one, so many of them, for `to_columns`."""
After = tuple[datetime, int, str]  # start, number and epoch of a window


def series_of(values: dict[str, Any]) -> Series:
    """What a window can be compared with, from the values of `COLUMNS`; PostgreSQL keeps no NUL in a text."""
    faces, emotions, pose = (without_nul(values[f"model_{name}"]) for name in ("faces", "emotions", "pose"))
    return Series(values["mode"], faces or "", emotions, pose)


def without_nul(text: str | None) -> str | None:
    """Text that PostgreSQL takes."""
    return text and text.replace("\x00", "\ufffd")


def to_row(values: dict[str, Any], device: int, series: int) -> tuple[object, ...]:
    """Values of `COLUMNS` in the order of `TYPES`. Raises ValueError, TypeError for what no window has."""
    found: dict[str, object] = {name: values[name] for name in PLAIN}
    found |= {name: parse_timestamp(values[name]) for name in TIMES}
    found |= {name: bool(values[name]) for name in FLAGS}
    found |= {name: values[name] for name in JSON}
    found |= _parts(values, "facing", FACING) | _parts(values, "unclassified", UNCLASSIFIED)
    found |= {"device": device, "series": series}
    return tuple(found[name] for name in TYPES)


def _parts(values: dict[str, Any], group: str, parts: tuple[str, ...]) -> dict[str, object]:
    figures = json.loads(values[group]) if values[group] else {}
    return {f"{group}_{part}": figures.get(part) for part in parts}


def to_columns(device: str, row: tuple[Any, ...]) -> tuple[tuple[object, ...], After]:
    """What `BETWEEN` selects as the values of `COLUMNS`, with JSON as PostgreSQL writes it, and what comes after it."""
    plain, rest = row[: len(READ)], row[len(READ) + len(JSON) :]
    values = dict(zip(READ, plain, strict=True))
    after = values["start"], values["seq"], values["epoch"]
    values |= {name: format_timestamp(values[name]) for name in TIMES}
    values |= {name: int(values[name]) for name in FLAGS}
    values |= zip(JSON, row[len(READ) :], strict=False)
    values["facing"] = _group(FACING, rest[:3])
    values["unclassified"] = _group(UNCLASSIFIED, rest[3:6])
    values |= zip(("mode", "model_faces", "model_emotions", "model_pose"), rest[6:], strict=True)
    values["device"] = device
    return tuple(values[name] for name in COLUMNS), after


def compacted(row: tuple[object, ...]) -> tuple[object, ...]:
    """Values of `COLUMNS` with JSON as a file has it."""
    return tuple(
        compact(json.loads(value)) if name in JSON and isinstance(value, str) else value
        for name, value in zip(COLUMNS, row, strict=True)
    )


def _group(parts: tuple[str, ...], figures: tuple[int | None, ...]) -> str | None:
    if all(figure is None for figure in figures):
        return None
    return compact(dict(zip(parts, figures, strict=True)))


def key_of(row: tuple[Any, ...]) -> tuple[int, datetime, str, int]:
    """Device, start, epoch and number of a row of `to_row`."""
    values = dict(zip(TYPES, row, strict=True))
    return values["device"], values["start"], values["epoch"], values["seq"]
