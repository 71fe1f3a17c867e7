"""One room over time, as the page draws it: pieces and gaps, added up by `edge.reporting`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from edge.contract.labels import UNKNOWN, adjective, reading_order
from edge.contract.payloads import WindowPayload
from edge.contract.shares import Shares, front_share, window_shares
from edge.contract.validation import end_of
from edge.recording.reader import StateChange
from edge.recording.window_record import WindowRecord
from edge.reporting.gaps import FACES_KNOWN, WORDS, Gap, gaps, unheard
from edge.reporting.totals import Totals, add_up

PIECES = 240  # about as many as a chart can show
TRAILING = 2.5  # windows that may be on their way
TRAILING_TIME = timedelta(seconds=2)

JSON = dict[str, Any]


def latest(window: WindowPayload) -> JSON:
    """The newest window, for the page."""
    end = round(end_of(window).timestamp() * 1000)
    length = round(window.window.seconds * 1000)
    unclassified, faces, withheld = window.unclassified, window.faces, window.withheld
    return {
        "key": f"{window.epoch}/{window.seq}", "start": end - length, "end": end, "ms": length,
        "mean": faces.mean, "min": faces.min, "max": faces.max, "mode": window.mode,
        "front": front_share(window.facing),
        "withheld": withheld and {"what": withheld.what, "reason": WORDS[withheld.reason]},
        "coverage": window.quality.coverage, "unsynced": not window.quality.clock_synced, "replayed": window.replayed,
        "small": unclassified.too_small / faces.total if unclassified and faces.total else 0,
        "unknown": unclassified.total / faces.total if unclassified and faces.total else 0,
        **_shares(window_shares(window)),
    }  # fmt: skip


def lesson(
    windows: Sequence[WindowRecord],
    states: Sequence[StateChange],
    availability: Sequence[StateChange],
    deaf: Sequence[Gap],
    start: datetime,
    now: datetime,
) -> JSON:
    """The time from `start` to `now`.

    Args:
        windows: Those of this time, in order of their ends.
        states: What the device reported, in order.
        availability: When it came and went, in order.
        deaf: When this program did not listen to the broker, in order.
        start: Its start.
        now: Its end.
    """
    last = windows[-1] if windows else None
    on_its_way = last is not None and now - last.end <= TRAILING * last.duration + TRAILING_TIME
    found = gaps(windows, states, availability, start, last.end if last and on_its_way else now)
    totals = add_up(windows)
    return {
        "from": _ms(start), "to": _ms(now),
        "pieces": list(_pieces(windows, start, (now - start) / PIECES)),
        "gaps": [
            {
                "start": _ms(max(gap.start, start)), "end": _ms(gap.end), "kind": gap.kind,
                "word": WORDS[gap.kind].template,
                "reason": f"{gap.missing:,}" if gap.missing else gap.detail, "faces_known": gap.kind in FACES_KNOWN,
            }
            for gap in unheard(found, deaf)
        ],
        "mean": totals.mean, "front": front_share(totals.facing), "measured": round(1000 * sum(
            w.duration.total_seconds() for w in windows if w.mean is not None
        )),
        **_shares(totals.shares),
    }  # fmt: skip


def _pieces(windows: Sequence[WindowRecord], start: datetime, width: timedelta) -> Iterator[JSON]:
    """Neighbouring windows of one kind added up, never across a gap, so that no more are sent than can be seen."""
    group: list[WindowRecord] = []
    key: tuple[object, ...] = ()
    for window in windows:
        if window.mean is None:
            continue
        basis = "estimate" if window.estimate else "counts" if window.counts else ""
        mine = ((window.end - start) // width, basis, window.withheld is None)
        if group and (mine != key or window.start - group[-1].end > max(TRAILING_TIME, window.duration / 2)):
            yield _piece(group, add_up(group), start)
            group = []
        group.append(window)
        key = mine
    if group:
        yield _piece(group, add_up(group), start)


def _piece(group: Sequence[WindowRecord], totals: Totals, start: datetime) -> JSON:
    return {
        "start": _ms(max(group[0].start, start)), "end": _ms(group[-1].end), "windows": len(group),
        "mean": totals.mean, "min": totals.least, "max": totals.most, "front": front_share(totals.facing),
        **_shares(totals.shares),
    }  # fmt: skip


def _shares(shares: Shares | None) -> JSON:
    if shares is None:
        return {"basis": None, "shares": []}
    parts = [
        {"label": label, "word": adjective(label), **shares.by_label[label]._asdict()}
        for label in reading_order(shares.by_label)
        if label != UNKNOWN
    ]
    return {"basis": shares.basis, "shares": parts}


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def at(ms: int) -> datetime:
    """Milliseconds since 1970 as a point in time."""
    return datetime.fromtimestamp(ms / 1000, timezone.utc)
