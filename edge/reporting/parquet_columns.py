"""The columns of an exported window, with types and meanings: docs/parquet.md is the same table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from edge.contract.timestamps import parse_timestamp
from edge.recording.window_row import COLUMNS, FACING, UNCLASSIFIED, read_window

TIME = pa.timestamp("ms", tz="UTC")
COUNTS = pa.map_(pa.string(), pa.int64())
ESTIMATE = pa.map_(pa.string(), pa.struct([(part, pa.float64()) for part in ("share", "low", "high")]))


class Column(NamedTuple):
    """A column of the files.

    Attributes:
        needed: Whether every window has a value.
    """

    name: str
    type: pa.DataType
    needed: bool
    meaning: str


TABLE = (
    Column("device", pa.string(), True, "the room's device"),
    Column("epoch", pa.string(), True, "a numbering of the device; with `device`, `seq` and `start` it names a window"),
    Column("seq", pa.int64(), True, "number of the window within the epoch; one that is missing was lost or deleted"),
    Column("start", TIME, True, "when it begins, UTC"),
    Column("end", TIME, True, "when it ends"),
    Column("seconds", pa.float64(), True, "how long it is, by the device's steady clock"),
    Column("received", TIME, True, "when the recorder got it"),
    Column("schema", pa.string(), True, "version of the payload, such as `edge.window/2`"),
    Column("mode", pa.string(), True, "what was measured: `headcount`, `facing` or `emotions`"),
    Column("replayed", pa.bool_(), True, "sent later than it was measured, after a failure of the network"),
    Column("clock_synced", pa.bool_(), True, "the device says that its clock is set"),
    Column("coverage", pa.float64(), True, "share of its time in which frames were analysed, 0 to 1"),
    Column("frames", pa.int64(), True, "frames that were analysed"),
    Column("faces_total", pa.int64(), False, "face observations: one face in one frame is one"),
    Column("faces_mean", pa.float64(), False, "mean number of faces in a frame"),
    Column("faces_min", pa.int64(), False, "fewest faces in a frame"),
    Column("faces_max", pa.int64(), False, "most faces in a frame"),
    Column("facing_front", pa.int64(), False, "face observations turned to the front"),
    Column("facing_away", pa.int64(), False, "turned away"),
    Column("facing_unknown", pa.int64(), False, "of which that could not be told"),
    Column("counts", COUNTS, False, "face observations by label, `unknown` among them"),
    Column("unclassified_too_small", pa.int64(), False, "why faces are `unknown`: too small"),
    Column("unclassified_away", pa.int64(), False, "not turned to the front"),
    Column("unclassified_unclear", pa.int64(), False, "no emotion was certain enough, or no time to look"),
    Column("estimate", ESTIMATE, False, "by label: `share`, 0 to 1, with its 90 % interval from `low` to `high`"),
    Column("estimate_absent", pa.string(), False, "why `estimate` is null where `counts` are not"),
    Column("withheld", pa.string(), False, "what privacy withholds: `emotions`, `facing` or `figures`; null: nothing"),
    Column("withheld_reason", pa.string(), False, "why it is withheld; `few_people` where `frames` is 0: nobody knows"),
    Column("model_faces", pa.string(), True, "the model that found the faces"),
    Column("model_emotions", pa.string(), False, "the model that named emotions; null: none"),
    Column("model_pose", pa.string(), False, "the rule for whose emotions are named: `front` or `any`; null: none"),
)  # fmt: skip
"""What is withheld or was not measured is null, never zero."""

SCHEMA = pa.schema([pa.field(each.name, each.type, not each.needed, {"meaning": each.meaning}) for each in TABLE])


def values_of(row: Sequence[object]) -> tuple[Any, ...]:
    """The values of `COLUMNS` in the order of `TABLE`.

    Whatever another program wrote beside what is withheld is left out. Raises one of `window_row.DAMAGED`.
    """
    window, stored = read_window(tuple(row)), dict(zip(COLUMNS, row, strict=True))
    withheld, series = window.withheld, window.series
    return (
        str(stored["device"]), window.epoch, window.seq, window.start, window.end, float(str(stored["seconds"])),
        parse_timestamp(str(stored["received"])), str(stored["schema"]), window.mode, window.replayed,
        window.clock_synced, window.coverage, window.frames, window.total, window.mean, window.low, window.high,
        *(getattr(window.facing, part, None) for part in FACING),
        None if window.counts is None else list(window.counts.items()),
        *(getattr(window.unclassified, part, None) for part in UNCLASSIFIED),
        None if window.estimate is None else [(name, each._asdict()) for name, each in window.estimate.items()],
        window.estimate_absent, withheld and withheld.what, withheld and withheld.reason,
        series and series.faces, series and series.emotions, series and series.pose,
    )  # fmt: skip


def batch_of(rows: Iterable[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows of `values_of` as a part of a file."""
    columns = zip(*rows, strict=True)
    return pa.record_batch(
        [pa.array(values, each.type) for values, each in zip(columns, TABLE, strict=True)], schema=SCHEMA
    )
