"""The shares of one window: the one place that decides what each is computed from. Pure.

A share is the estimate where there is one, else the count over all named faces. Whatever shows a share says which of
the two it is.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from edge.contract.labels import UNKNOWN
from edge.contract.payloads import Facing, WindowBody

Basis = Literal["estimate", "counts"]


class ShareRange(NamedTuple):
    """A share with its 90 % interval, all 0..1; without an interval `low` and `high` are None."""

    share: float
    low: float | None = None
    high: float | None = None


class Shares(NamedTuple):
    """The shares of all emotions, and what they were computed from; `unknown` is none of them."""

    basis: Basis
    by_label: dict[str, ShareRange]


def front_share(facing: Facing | None) -> float | None:
    """Faces turned to the front over those whose direction is known, 0..1; None where there is none."""
    judged = facing.front + facing.away if facing else 0
    return facing.front / judged if facing and judged else None


def window_shares(window: WindowBody) -> Shares | None:
    """The shares of one window.

    Returns:
        None where nothing is known: emotions were withheld or not measured, or no face was named.
    """
    if window.counts is None:
        return None
    if window.estimate is not None:
        ranges = {label: ShareRange(each.share, each.low, each.high) for label, each in window.estimate.items()}
        return Shares("estimate", ranges)
    named = {label: count for label, count in window.counts.items() if label != UNKNOWN}
    total = sum(named.values())
    if not total:
        return None
    return Shares("counts", {label: ShareRange(count / total) for label, count in named.items()})
