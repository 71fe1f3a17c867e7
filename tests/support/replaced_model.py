"""A room in which four faces in ten smile: one model calls that happy, the one that takes its place calls it joy."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from edge.contract.payloads import (
    FaceFigures,
    Facing,
    ModelNames,
    Quality,
    ShareEstimate,
    Span,
    Unclassified,
    WindowPayload,
    Withheld,
)
from edge.contract.timestamps import format_timestamp

SECONDS, FRAMES, PEOPLE = 10, 20, 20
SHARES = {"happy": 0.4, "neutral": 0.6}
OLD, NEW = "old@0", "new@1"


def replaced(
    start: datetime, *, minutes: int, after: int | None = None, room: str = "room-1", first: int = 1,
    withheld: Collection[int] = (), estimated: bool = True,
) -> list[WindowPayload]:  # fmt: skip
    """Windows of ten seconds, one after another.

    Args:
        start: Of the first.
        minutes: How long all are.
        after: Minutes after which the other model is used; None: half of them.
        room: Whose.
        first: Number of the first.
        withheld: Windows whose figures are withheld, counted from 0.
        estimated: Whether windows have estimates.
    """
    changed = (minutes / 2 if after is None else after) * 60 / SECONDS
    return [
        smiling(
            start + timedelta(seconds=SECONDS * number), room, first + number,
            label="happy" if number < changed else "joy", withheld=number in withheld, estimated=estimated,
        )
        for number in range(minutes * 60 // SECONDS)
    ]  # fmt: skip


def smiling(
    start: datetime, room: str, seq: int, *, label: str = "happy", share: float = SHARES["happy"], people: int = PEOPLE,
    withheld: bool = False, estimated: bool = True, seconds: int = SECONDS,
) -> WindowPayload:  # fmt: skip
    """One window of the model that has a label for a smile: `happy`, or another one."""
    shares, total = {label: share, "neutral": 1 - share}, people * FRAMES
    counts = {name: round(each * total) for name, each in shares.items()} | {"unknown": 0}
    estimate = {
        name: ShareEstimate(share=each, low=each - 0.1, high=each + 0.1) for name, each in shares.items()
    }  # fmt: skip
    nothing = FaceFigures(total=None, mean=None, min=None, max=None)
    return WindowPayload(
        device=room, mode="emotions", epoch="5c400100", seq=seq, replayed=False,
        window=Span(
            start=format_timestamp(start), end=format_timestamp(start + timedelta(seconds=seconds)), seconds=seconds
        ),
        frames=FRAMES,
        faces=nothing if withheld else FaceFigures(total=total, mean=people, min=people, max=people),
        facing=None if withheld else Facing(front=total, away=0, unknown=0),
        counts=None if withheld else counts,
        unclassified=None if withheld else Unclassified(too_small=0, away=0, unclear=0),
        people=None if withheld else {name: n / FRAMES for name, n in counts.items()},
        estimate=estimate if estimated and not withheld else None,
        estimate_absent=None if estimated or withheld else "uncalibrated",
        withheld=Withheld(what="figures", reason="few_people") if withheld else None,
        quality=Quality(coverage=1.0, clock_synced=True),
        model=ModelNames(faces="f@2", emotions=OLD if label == "happy" else NEW, pose="front, p@3"),
    )  # fmt: skip
