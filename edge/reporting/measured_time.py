"""How long figures were measured, and how long what was withheld: both take time. Pure.

Of a window that is known. Roll-ups have the time of all their windows and how many of them have figures; a device's
windows are of one length, so each counts as much of the time. Where `window.seconds` changed within five minutes, or
within a day of which only the sum is there, that is wrong for these alone. Those of less than a second, which a pause
cuts and which are withheld for it, count as half a second each.
"""

from __future__ import annotations

from operator import add
from typing import NamedTuple

from edge.recording.rollups import Bucket
from edge.recording.window_record import WindowRecord
from edge.recording.window_sums import MILLISECOND

TOO_SHORT = 500  # milliseconds of a window that is withheld as too short, on average


class MeasuredTime(NamedTuple):
    """Milliseconds.

    Attributes:
        figures: With figures about people.
        facing: Of these in which the direction of heads was told.
        expressions: Of these in which expressions were told.
        few: Without figures, because too few people were in the picture.
        short: Without figures, because the windows were too short.
        facing_withheld: Of `figures`, in which the direction of heads was withheld, and so were expressions.
        expressions_withheld: Of `figures`, in which expressions were withheld, whether or not the direction was.
    """

    figures: int = 0
    facing: int = 0
    expressions: int = 0
    few: int = 0
    short: int = 0
    facing_withheld: int = 0
    expressions_withheld: int = 0

    @property
    def withheld(self) -> int:
        """Without figures about people."""
        return self.few + self.short

    def plus(self, other: MeasuredTime) -> MeasuredTime:
        """Both together."""
        return MeasuredTime(*map(add, self, other))

    def times(self, part: float) -> MeasuredTime:
        """A part of it, 0..1."""
        return MeasuredTime(*(round(each * part) for each in self))


def measured_time(part: WindowRecord | Bucket) -> MeasuredTime:
    """For how long a window, or the windows of a roll-up, have figures, and for how long they are withheld."""
    if isinstance(part, Bucket):
        return _of_rollup(part)
    length = part.duration // MILLISECOND
    hidden = part.withheld
    if part.mean is None:
        if part.reason == "unseen":
            return MeasuredTime()
        return MeasuredTime(short=length) if part.reason == "short" else MeasuredTime(few=length)
    return MeasuredTime(
        length,
        facing=length if part.facing is not None else 0,
        expressions=length if part.counts is not None else 0,
        facing_withheld=length if hidden is not None and hidden.what == "facing" else 0,
        expressions_withheld=length if hidden is not None else 0,
    )


def _of_rollup(bucket: Bucket) -> MeasuredTime:
    sums = bucket.sums
    cut = sums.withheld.get("figures short", 0)
    lasting = sums.windows - cut
    if not lasting:
        return MeasuredTime(short=sums.recorded)
    shown = sums.windows - sums.figures_withheld
    unfaced = sum(n for what, n in sums.withheld.items() if what.startswith("facing "))
    told = shown - unfaced if sums.facing is not None else 0
    short = min(cut * TOO_SHORT, sums.recorded * cut // sums.windows)
    figures, facing, expressions, few, facing_withheld, expressions_withheld = (
        (sums.recorded - short) * n // lasting
        for n in (shown, told, sums.counted, lasting - shown, unfaced, sums.emotions_withheld)
    )
    return MeasuredTime(figures, facing, expressions, few, short, facing_withheld, expressions_withheld)
