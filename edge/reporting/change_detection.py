"""When did a lesson change, and by how much? A change is claimed only where chance hardly makes one. Pure.

A room wanders without any reason: each face keeps its expression for a while, and the few faces that are seen from the
front are not always the same. How much it wanders is known but for how long faces keep an expression: the variance of
a share of n people who do not depend on each other is p (1 - p) / n, or some multiple of it where they do. So every
stretch of a lesson is asked how much better a changed share explains the minutes than such wandering does, over all
dwell times (an integrated likelihood ratio); the mean over all stretches is the evidence. docs/statistics.md has the
model, how the threshold was chosen, and what it finds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from edge.contract.shares import Basis, ShareRange, front_share
from edge.reporting.lesson_comparison import FRONT
from edge.reporting.lesson_statistics import MINUTE, Minute, expression_series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

THRESHOLD = 1.0  # logarithm of the evidence; chosen in simulated lessons, for all series together
LEAST_CHANGE = 0.15  # what is smaller is not claimed: two or three faces of a class do that by themselves
SHORTEST, EDGE = 5, 4  # minutes: of a changed stretch, and before and after it
LEAST_MINUTES = 15  # with figures
LONGEST = timedelta(hours=2)  # what is longer is no lesson

DWELL = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # minutes: how long faces may keep an expression
NOISE = (0.05, 0.3, 1.0)  # variance of what is new in each minute, as a part of the wandering's
SCATTER = (1.0, 2.0, 4.0)  # variance of the wandering, as a multiple of that of independent people
LIKELY_CHANGE = 0.2  # standard deviation of changes, were there any
RANGE = 1.6449 * math.sqrt(2)  # standard errors between two values of which the 90 % intervals just touch


@dataclass(frozen=True)
class Change:
    """A stretch of a lesson that was different from the rest of it.

    Attributes:
        what: An expression, or `front`.
        start: Of the first minute.
        end: Of the last minute; None: it lasted until the end of the lesson.
        before: Share in the rest of the lesson, 0..1, with its range.
        during: Share in the stretch, with its range, which does not overlap the other one.
        evidence: Logarithm; above `THRESHOLD`.
    """

    what: str
    start: datetime
    end: datetime | None
    before: ShareRange
    during: ShareRange
    evidence: float


class _Point(NamedTuple):
    """A minute of a series: its start, the share, and the faces per frame that it is about."""

    start: datetime
    share: float
    faces: float


def find_changes(parts: Sequence[Minute], basis: Basis | None) -> list[Change] | None:
    """The largest change of each series that has one, the surest first; at most one for each.

    Args:
        parts: The minutes of a lesson, in order.
        basis: What the shares of the expressions come from; None: there are none.

    Returns:
        None where nothing can be said: too little was measured, or no lesson is so long.
    """
    if len(parts) < LEAST_MINUTES or parts[-1].start - parts[0].start >= LONGEST:
        return None
    series = {FRONT: _facing(parts)}
    if basis:
        labels = {label for part in parts for label in part.totals.shares_by(basis)}
        for label in sorted(labels):
            series[label] = [_Point(*each) for each in expression_series(parts, label, basis)]
    models: dict[tuple[float, ...], list[_Model]] = {}
    series = {what: points for what, points in series.items() if len(points) >= LEAST_MINUTES}
    found = []
    for what, points in series.items():
        times = tuple((point.start - points[0].start) / MINUTE for point in points)
        if times not in models:
            models[times] = _models(times)
        change = _largest(what, points, models[times])
        found += [change] if change else []
    if not series:
        return None
    return sorted(found, key=lambda change: -change.evidence)


def _facing(parts: Sequence[Minute]) -> list[_Point]:
    return [
        _Point(part.start, share, (facing.front + facing.away) / part.totals.frames)
        for part in parts
        if (facing := part.totals.facing) is not None and (share := front_share(facing)) is not None
    ]


class _Model(NamedTuple):
    """One way in which a room of unit variance may wander, ready for any series of the same m minutes.

    Attributes:
        whiten: (m, m), makes minutes independent of each other.
        steps: (m, m), whitened: column j is 1 from minute j on; the first is the mean.
        determinant: Logarithm, of the covariance.
        mean: Information on the mean.
        shared: (s,) information that the mean shares with the change of each stretch.
        change: (s,) information on the change of each stretch, the mean being unknown.
    """

    whiten: Array
    steps: Array
    determinant: float
    mean: float
    shared: Array
    change: Array


def _stretches(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First minute of each stretch that may have changed, and the one after its last."""
    import numpy as np  # noqa: PLC0415 - whoever asks for no change needs none

    first, after = np.indices((size + 1, size + 1))
    possible = (after - first >= SHORTEST) & (first >= EDGE) & ((after <= size - EDGE) | (after == size))
    return first[possible], after[possible]


def _models(times: Sequence[float]) -> list[_Model]:
    """All of them, for these moments in minutes."""
    import numpy as np  # noqa: PLC0415

    moments = np.array(times)
    size = len(moments)
    apart = np.abs(moments[:, None] - moments)
    steps = np.tril(np.ones((size, size)))
    first, after = _stretches(size)
    found = []
    for dwell in DWELL:
        # Covariance of the means over minutes of what forgets itself at this rate.
        own = 2 * dwell**2 * (1 / dwell - 1 + math.exp(-1 / dwell))
        others = dwell**2 * (1 - math.exp(-1 / dwell)) ** 2 * np.exp((1 - apart) / dwell)
        covariance = np.where(apart == 0, own, others)
        for noise in NOISE:
            root = np.linalg.cholesky(covariance + noise * own * np.eye(size))
            whiten = np.linalg.inv(root)
            whitened = whiten @ steps
            information = np.zeros((size + 1, size + 1))  # the last: a step that never comes
            information[:size, :size] = whitened.T @ whitened
            diagonal = np.diag(information)
            shared = information[0, first] - information[0, after]
            change = diagonal[first] + diagonal[after] - 2 * information[first, after]
            mean = float(information[0, 0])
            found.append(
                _Model(
                    whiten, whitened, 2 * float(np.log(np.diag(root)).sum()), mean, shared, change - shared**2 / mean
                )
            )
    return found


def _largest(what: str, points: Sequence[_Point], models: Sequence[_Model]) -> Change | None:
    """The stretch that differs most surely from the rest, if the evidence of all stretches is enough."""
    import numpy as np  # noqa: PLC0415

    shares = np.array([point.share for point in points])
    people = sum(point.faces for point in points) / len(points)
    size = len(points)
    first, after = _stretches(size)
    sums = np.concatenate([[0.0], shares.cumsum()])
    within, length = sums[after] - sums[first], after - first
    during, before = within / length, (sums[-1] - within) / (size - length)
    # One more face, of which half shows it: a share of 0 or 1 is no proof that it never changes.
    middle = ((during + before) / 2 * people + 0.5) / (people + 1)
    variance = middle * (1 - middle) / max(people, 1.0)
    still, moved, changes, errors = _likelihoods(shares, variance, models)
    weight = np.exp(moved - moved.max(axis=0))
    weight /= weight.sum(axis=0)
    change = (weight * changes).sum(axis=0)
    error = np.sqrt((weight * (errors + changes**2)).sum(axis=0) - change**2)
    ratio = _log_sum(moved) - _log_sum(still)
    apart = np.minimum(np.abs(change), np.abs(during - before))
    ratio = np.where((apart >= LEAST_CHANGE) & (apart > RANGE * error), ratio, -np.inf)
    if not np.isfinite(ratio).any():
        return None
    evidence = float(_log_sum(ratio) - math.log(len(ratio)))
    if evidence <= THRESHOLD:
        return None
    best = int(ratio.argmax())
    begin, end = int(first[best]), int(after[best])
    last = points[end - 1].start + MINUTE
    low, high = _ranges(float(before[best]), size - (end - begin), float(during[best]), end - begin, float(error[best]))
    return Change(what, points[begin].start, last if end < size else None, low, high, evidence)


def _likelihoods(shares: Array, variance: Array, models: Sequence[_Model]) -> tuple[Array, Array, Array, Array]:
    """Logarithm of the likelihood of each model and scatter, without and with a change; the change, its variance.

    Args:
        shares: (m,) of the minutes.
        variance: (s,) of a share of independent people, for each stretch.
        models: k of them.

    Returns:
        Four arrays of (k * scatters, s).
    """
    import numpy as np  # noqa: PLC0415

    size = len(shares)
    first, after = _stretches(size)
    rows: list[tuple[Array, Array, Array, Array]] = []
    for model in models:
        white = model.whiten @ shares
        along = np.append(model.steps.T @ white, 0.0)
        rest = max(0.0, float(white @ white - along[0] ** 2 / model.mean))
        pull = along[first] - along[after] - model.shared * along[0] / model.mean
        change = pull / model.change
        for number, scatter in enumerate(SCATTER):
            scale = scatter * variance
            doubt = scale / model.change
            # The more the people of a room seem to move together, the less likely beforehand.
            common = -(size * np.log(scale) + model.determinant) / 2 - number
            known = LIKELY_CHANGE**2 / (LIKELY_CHANGE**2 + doubt)
            still = common - rest / scale / 2
            moved = common - (rest - pull * change * known) / scale / 2 + np.log(1 - known) / 2
            rows.append((still, moved, change, doubt))
    still, moved, changes, doubts = (np.array(each) for each in zip(*rows, strict=True))
    return still, moved, changes, doubts


def _log_sum(logs: Array) -> Array:
    """Logarithm of the sum over the first axis of what these are the logarithms of."""
    import numpy as np  # noqa: PLC0415

    largest = logs.max(axis=0)
    total: Array = largest + np.log(np.exp(logs - largest).sum(axis=0))
    return total


def _ranges(
    before: float, minutes_before: int, during: float, minutes_during: int, error: float
) -> tuple[ShareRange, ShareRange]:
    """Ranges that just touch where the difference is `RANGE` standard errors (Goldstein & Healy 1995).

    The same people sit there before and after, so the two shares have no error each that one could add up: their
    difference has one. It is split as the errors of shares of independent people would be.
    """
    parts = [
        math.sqrt(max(share * (1 - share), 0.01) / count)
        for share, count in ((before, minutes_before), (during, minutes_during))
    ]
    halves = [RANGE * error * part / sum(parts) for part in parts]
    low, high = (
        ShareRange(share, max(0.0, share - half), min(1.0, share + half))
        for share, half in zip((before, during), halves, strict=True)
    )
    return low, high
