"""One room over time, as the page draws it: pieces and gaps, added up by `edge.reporting`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from edge.contract.labels import UNKNOWN, absence, adjective, reading_order
from edge.contract.payloads import WindowPayload
from edge.contract.shares import Shares, front_share, window_shares
from edge.contract.validation import end_of
from edge.recording.deletion_requests import DeletedTimes
from edge.recording.recorded import Recorded, StateChange
from edge.recording.rollups import Bucket, bucket_of
from edge.reporting.cause_words import reason_as_json
from edge.reporting.deleted_times import Times
from edge.reporting.gaps import FACES_KNOWN, WORDS, Gap, gaps, unheard
from edge.reporting.stretch import stretches_of, windows_between
from edge.reporting.totals import Part, add_up
from edge.web.packed import Packed, pack_json

PIECES = 240  # about as many as a chart can show
MOST = 500  # pieces and gaps of an answer, the newest: more are of a room that makes them up
TRAILING = 2.5  # windows that may be on their way
TRAILING_TIME = timedelta(seconds=2)
MARGIN = timedelta(seconds=30)

JSON = dict[str, Any]


@dataclass(frozen=True)
class Minutes(Packed):
    """The last minutes of a room, packed.

    Attributes:
        measured: Milliseconds with figures.
    """

    measured: int


def latest(window: WindowPayload) -> JSON:
    """The newest window, for the page."""
    end = round(end_of(window).timestamp() * 1000)
    length = round(window.window.seconds * 1000)
    unclassified, faces, withheld = window.unclassified, window.faces, window.withheld
    reason = withheld and absence(withheld.reason, window.frames)
    return {
        "key": f"{window.epoch}/{window.seq}", "start": end - length, "end": end, "ms": length,
        "mean": faces.mean, "min": faces.min, "max": faces.max, "mode": window.mode,
        "front": front_share(window.facing),
        "withheld": withheld and {"what": withheld.what, "reason": WORDS[str(reason)].template},
        "unseen": reason == "unseen",
        "coverage": window.quality.coverage, "unsynced": not window.quality.clock_synced, "replayed": window.replayed,
        "small": unclassified.too_small / faces.total if unclassified and faces.total else None,
        "unknown": unclassified.total / faces.total if unclassified and faces.total else None,
        **shares_json(window_shares(window)),
    }  # fmt: skip


def lesson(
    parts: Sequence[Part],
    states: Sequence[StateChange],
    availability: Sequence[StateChange],
    deaf: Sequence[Gap],
    start: datetime,
    now: datetime,
    deleted: Times = (),
) -> JSON:
    """The time from `start` to `now`.

    Args:
        parts: Windows of this time, in order of their ends, or roll-ups of them.
        states: What the device reported, in order.
        availability: When it came and went, in order.
        deaf: When this program did not listen to the broker, in order.
        start: Its start.
        now: Its end.
        deleted: What was deleted on request of the room.
    """
    stretches = stretches_of(parts)
    last = stretches[-1] if stretches else None
    on_its_way = last is not None and now - last.end <= TRAILING * last.closing + TRAILING_TIME
    found = gaps(stretches, states, availability, start, last.end if last and on_its_way else now, deleted)
    totals = add_up(parts)
    return {
        "from": milliseconds(start), "to": milliseconds(now), "axis": milliseconds(_axis(parts, start, now)),
        "pieces": pieces(parts, start, now),
        "gaps": gaps_json(unheard(found, deaf), start),
        "mean": totals.mean, "front": front_share(totals.facing),
        "measured": totals.figures,
        "models": totals.models,
        **shares_json(totals.shares),
    }  # fmt: skip


def recent(recording: Recorded, room: str, start: datetime, now: datetime) -> JSON:
    """The same of what was recorded; of a room with far too many windows from its roll-ups."""
    end = now + TRAILING_TIME
    buckets = list(recording.buckets(room, bucket_of(start), end))
    parts = windows_between(recording, room, buckets, start, end)
    deleted = DeletedTimes(recording.requests()).between(room, start, now)
    return lesson(parts, *recording.state_changes(room, now), [], start, now, deleted)


def packed(told: JSON) -> Minutes:
    """What `lesson` tells, as it travels."""
    answer = pack_json(told)
    return Minutes(answer.data, answer.length, told["measured"])


def _axis(parts: Sequence[Part], start: datetime, now: datetime) -> datetime:
    """Where a picture begins: not with hours of nothing before a few minutes of something."""
    if not parts or parts[0].start - start <= (now - start) / 2:
        return start
    first = parts[0].start
    return max(start, first - max((now - first) / 10, MARGIN))


def pieces(parts: Iterable[Part], start: datetime, end: datetime, most: int = PIECES) -> list[JSON]:
    """Neighbouring windows of one kind added up, never across a gap, so that no more are sent than can be seen.

    Args:
        parts: Windows of the time, in order, or their roll-ups, of which each is a piece.
        start: Of the time.
        end: Of the time.
        most: About how many pieces.
    """
    found: list[JSON] = []
    group: list[Part] = []
    key: tuple[object, ...] = ()
    width = (end - start) / most
    for part in parts:
        if not part.has_figures:
            continue
        mine = _kind(part, start, width)
        if group and (mine != key or part.start - group[-1].end > max(TRAILING_TIME, part.duration / 2)):
            found.append(_piece(group, start))
            group = []
        group.append(part)
        key = mine
    if group:
        found.append(_piece(group, start))
    return found[-MOST:]


def _kind(part: Part, start: datetime, width: timedelta) -> tuple[object, ...]:
    """Only what is alike may be one piece."""
    if isinstance(part, Bucket):
        return (part.since, part.series)
    basis = "estimate" if part.estimate else "counts" if part.counts else ""
    return ((part.end - start) // width, basis, part.withheld is None, part.series)


def _piece(group: Sequence[Part], start: datetime) -> JSON:
    totals = add_up(group)
    return {
        "start": milliseconds(max(group[0].start, start)), "end": milliseconds(group[-1].end),
        "windows": totals.windows, "mean": totals.mean, "min": totals.least, "max": totals.most,
        "front": front_share(totals.facing), **shares_json(totals.shares),
    }  # fmt: skip


def gaps_json(gaps: Sequence[Gap], start: datetime) -> list[JSON]:
    """The newest gaps; `start` is that of the time that is shown."""
    return [_gap(gap, start) for gap in gaps[-MOST:]]


def _gap(gap: Gap, start: datetime) -> JSON:
    return {
        "start": milliseconds(max(gap.start, start)), "end": milliseconds(gap.end), "kind": gap.kind,
        "word": WORDS[gap.kind].template, "reason": [f"{gap.missing:,}"] if gap.missing else reason_as_json(gap.detail),
        "faces_known": gap.kind in FACES_KNOWN,
    }  # fmt: skip


def shares_json(shares: Shares | None) -> JSON:
    """Shares in reading order, each with its word, and what they come from."""
    if shares is None:
        return {"basis": None, "shares": []}
    parts = [
        {"label": label, "word": adjective(label), **shares.by_label[label]._asdict()}
        for label in reading_order(shares.by_label)
        if label != UNKNOWN
    ]
    return {"basis": shares.basis, "shares": parts}


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1000)


def at(ms: int) -> datetime:
    """Milliseconds since 1970 as a point in time."""
    return datetime.fromtimestamp(ms / 1000, timezone.utc)
