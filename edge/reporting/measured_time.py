"""How long figures were measured: what is withheld takes time, and is none of it. Pure.

Of a window that is known. Roll-ups have the time of all their windows and how many of them have figures; a device's
windows are of one length, so each counts as much of the time. Those of less than a second count nothing: a pause cuts
them, and they are withheld for it.
"""

from __future__ import annotations

from typing import NamedTuple

from edge.recording.rollups import Bucket
from edge.recording.window_record import WindowRecord
from edge.recording.window_sums import MILLISECOND


class MeasuredTime(NamedTuple):
    """Milliseconds.

    Attributes:
        figures: With figures about people.
        facing: Of these in which the direction of heads was told.
        expressions: Of these in which expressions were told.
    """

    figures: int = 0
    facing: int = 0
    expressions: int = 0

    def plus(self, other: MeasuredTime) -> MeasuredTime:
        """Both together."""
        return MeasuredTime(
            self.figures + other.figures, self.facing + other.facing, self.expressions + other.expressions
        )


def measured_time(part: WindowRecord | Bucket) -> MeasuredTime:
    """For how long a window, or the windows of a roll-up, have figures."""
    if isinstance(part, Bucket):
        return _of_rollup(part)
    if part.mean is None:
        return MeasuredTime()
    length = part.duration // MILLISECOND
    return MeasuredTime(length, length if part.facing is not None else 0, length if part.counts is not None else 0)


def _of_rollup(bucket: Bucket) -> MeasuredTime:
    sums = bucket.sums
    shown = sums.windows - sums.figures_withheld
    if not shown:
        return MeasuredTime()
    unfaced = sum(n for what, n in sums.withheld.items() if what.startswith("facing "))
    told = shown - unfaced if sums.facing is not None else 0
    lasting = sums.windows - sums.withheld.get("figures short", 0)
    figures, facing, expressions = (sums.recorded * n // lasting for n in (shown, told, sums.counted))
    return MeasuredTime(figures, facing, expressions)
