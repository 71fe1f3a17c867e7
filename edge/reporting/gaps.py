"""The times without figures, each with its reason, as far as anything tells it. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from edge.contract.causes import without_names
from edge.recording.recorded import StateChange
from edge.recording.runs import SHORT, Run, in_order
from edge.recording.window_record import Stretch
from edge.recording.window_sums import MILLISECOND
from edge.reporting.deleted_times import Times, known_states, lost, within
from edge.text import Sentence, printable

WORDS = {
    "paused": Sentence("paused"),
    "camera_lost": Sentence("camera lost"),
    "offline": Sentence("device offline"),
    "off": Sentence("device off or restarting"),
    "lost": Sentence("measurements missing"),
    "few_people": Sentence("too few people"),
    "few_near": Sentence("too few people near enough"),
    "few_front": Sentence("too few people turned to the front"),
    "short": Sentence("measurement too short"),
    "unseen": Sentence("nothing was seen"),
    "nothing": Sentence("no measurements"),
    "unheard": Sentence("not known"),
    "unrecorded": Sentence("not recorded"),
    "before": Sentence("before this dashboard started"),
    "days_only": Sentence("only the sums of the day are kept"),
    "deleted": Sentence("deleted on request"),
}
FACES_KNOWN = {"few_near", "few_front"}
"""Gaps in the shares only: faces were counted meanwhile."""
BRIEF = {
    **WORDS,
    "offline": Sentence("offline"),
    "off": Sentence("off"),
    "lost": Sentence("missing"),
    "few_people": Sentence("too few"),
    "days_only": Sentence("day only"),
    "deleted": Sentence("deleted"),
    "few_near": Sentence("too few"),
    "few_front": Sentence("too few"),
}
OPENING = timedelta(seconds=20)  # that a camera takes before the first window after a pause
GOODBYE = timedelta(seconds=60)  # within which the broker notices that a device is gone
LONGEST_REASON = 80  # characters


@dataclass(frozen=True)
class Gap:
    """A time without figures.

    Attributes:
        kind: A key of `WORDS`.
        detail: What the device said of it, or nothing.
        missing: Windows that were measured and never came.
    """

    start: datetime
    end: datetime
    kind: str
    detail: str = ""
    missing: int = 0


def gaps(
    windows: Sequence[Stretch],
    states: Sequence[StateChange],
    availability: Sequence[StateChange],
    start: datetime,
    end: datetime,
    deleted: Times = (),
) -> list[Gap]:
    """All times without figures of a period, in order; none overlap.

    Args:
        windows: Those of the period, in order; or runs of them, with the same result.
        states: What the device reported, in order, from before the period on.
        availability: When it came and went, in order.
        start: Of the period.
        end: Of the period, or now.
        deleted: What was deleted on request of the device.
    """
    found: list[Gap] = []
    states, availability = known_states(states, deleted), known_states(availability, deleted)
    reached: datetime = start
    before: Stretch | None = None
    for after in [*windows, None]:
        until = after.start if after else end
        tolerance = max(SHORT, before.closing / 2) if before else SHORT
        if until - reached > tolerance:
            for gap in _between(before, after, reached, until, deleted):
                found += [gap] if gap.kind == "deleted" else _explain(gap, states, availability)
        if after:
            reached, before = max(reached, after.end), after
    for reason, group in groupby(windows, key=lambda window: window.reason):
        if reason:
            found += _joined([Gap(max(w.start, start), min(w.end, end), reason) for w in group])
    return sorted((gap for gap in found if gap.end > gap.start), key=lambda gap: gap.start)


def unheard(gaps: Sequence[Gap], times: Sequence[Gap]) -> list[Gap]:
    """The same gaps, where nothing is known about them cut at the times of which something is: nobody listened, say.

    Args:
        gaps: Gaps in order.
        times: Gaps of the kinds `unheard`, `unrecorded`, `before` and `days_only`, in order, not overlapping.
    """
    found: list[Gap] = []
    for gap in gaps:
        reached = gap.start
        for time in times if gap.kind in ("nothing", "off", "lost", "offline") else ():
            first, last = max(time.start, reached), min(time.end, gap.end)
            if last > first:
                if first > reached:
                    found.append(replace(gap, start=reached, end=first))
                found.append(replace(time, start=first, end=last))
                reached = last
        if gap.end > reached:
            found.append(replace(gap, start=reached))
    return found


def clipped(gaps: Sequence[Gap], start: datetime, end: datetime) -> list[Gap]:
    """What lies in a time of gaps, in order, each with its part of the missing windows."""
    found = []
    for gap in gaps:
        first, last = max(gap.start, start), min(gap.end, end)
        if last > first:
            missing = round(gap.missing * ((last - first) / (gap.end - gap.start)))
            found.append(replace(gap, start=first, end=last, missing=missing))
    return found


def kept_as_days(runs: Iterable[Run]) -> list[Gap]:
    """The times of which only the sums of whole days are kept, as gaps for `unheard`."""
    return _joined([Gap(run.start, run.end, "days_only") for run in in_order(runs)])


def _joined(parts: Sequence[Gap]) -> list[Gap]:
    """Parts that follow on one another, as one."""
    found: list[Gap] = []
    for part in parts:
        if found and part.start - found[-1].end <= SHORT:
            found[-1] = replace(found[-1], end=max(found[-1].end, part.end))
        else:
            found.append(part)
    return found


def skipped(before: Stretch, after: Stretch) -> int:
    """How many numbers were skipped between two stretches."""
    return max(0, after.first - before.last - 1) if before.epoch == after.epoch else 0


def _between(
    before: Stretch | None, after: Stretch | None, start: datetime, end: datetime, deleted: Times
) -> list[Gap]:
    """What the numbers of the windows around a gap tell, and what was deleted of it."""
    closing, opening = before.closing if before else SHORT, after.opening if after else SHORT
    pieces = _cut(Gap(start, end, "nothing"), within(deleted, start, end), max(closing, opening))
    if before is None or after is None:
        return pieces
    missing = lost(skipped(before, after), start, end, max(MILLISECOND, min(closing, opening)), deleted)
    left = sum((gap.end - gap.start for gap in pieces if gap.kind != "deleted"), timedelta())
    # One window that was lost in a night does not explain the night.
    usual = max(closing, opening)
    kind = "lost" if missing and 2 * missing * usual.total_seconds() >= left.total_seconds() else "off"
    return [
        gap
        if gap.kind == "deleted"
        else replace(gap, kind=kind, missing=round(missing * ((gap.end - gap.start) / left)))
        for gap in pieces
    ]


def _cut(gap: Gap, deleted: Times, usual: timedelta) -> list[Gap]:
    """A gap in pieces, some of them deleted; less than a window beside one of these was a part of a deleted window."""
    found: list[Gap] = []
    reached = gap.start
    for first, last in deleted:
        if first - reached > usual:
            found.append(replace(gap, end=first, start=reached))
            reached = first
        if found and found[-1].kind == "deleted" and found[-1].end == reached:
            found[-1] = replace(found[-1], end=last)
        else:
            found.append(Gap(reached, last, "deleted"))
        reached = last
    if found and gap.end - reached <= usual:
        found[-1] = replace(found[-1], end=gap.end)
    else:
        found.append(replace(gap, start=reached))
    return found


def _explain(gap: Gap, states: Sequence[StateChange], availability: Sequence[StateChange]) -> list[Gap]:
    """Cut a gap where the device reported another state."""
    silent = []
    # Only the states of the gap are looked at: a device can have reported any number of others.
    first_index = max(0, bisect.bisect_right(states, gap.start, key=lambda state: state.since) - 1)
    for index in range(first_index, len(states)):
        state = states[index]
        if state.since >= gap.end:
            break
        until = states[index + 1].since if index + 1 < len(states) else gap.end
        first, last = max(state.since, gap.start), min(until, gap.end)
        if state.mode in ("paused", "camera_lost") and last > first:
            silent.append(Gap(first, last, state.mode, printable(without_names(state.reason), LONGEST_REASON)))
    pieces: list[Gap] = []
    reached = gap.start
    for piece in [*silent, None]:
        until = piece.start if piece else gap.end
        near = OPENING if silent else timedelta()
        if until - reached > near:
            pieces.append(_absent(replace(gap, start=reached, end=until), availability))
        elif piece:
            piece = replace(piece, start=reached)  # noqa: PLW2901 - the seconds before it are part of it
        elif pieces:
            pieces[-1] = replace(pieces[-1], end=gap.end)
        if piece:
            pieces.append(piece)
            reached = piece.end
    return pieces


def _absent(gap: Gap, availability: Sequence[StateChange]) -> Gap:
    """The same, but offline where the broker said so."""
    if gap.kind == "lost":  # it was there: its windows have numbers
        return gap
    # Only what was said near the gap is looked at: there can be any number of gaps and words.
    first, end = (
        find(availability, moment, key=lambda word: word.since)
        for find, moment in ((bisect.bisect_left, gap.start - GOODBYE), (bisect.bisect_right, gap.end))
    )
    went = any(word.mode == "offline" for word in availability[first:end])
    if went or (gap.kind == "nothing" and end and availability[end - 1].mode == "offline"):
        return replace(gap, kind="offline", missing=0)
    return gap
