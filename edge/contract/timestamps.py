"""Points in time as payloads write them: RFC 3339 in UTC with milliseconds, 2026-10-04T08:15:00.000Z."""

from __future__ import annotations

from datetime import datetime, timezone

PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def format_timestamp(moment: datetime) -> str:
    """Write a point in time; it must have a time zone."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """Read one, in UTC. Raises ValueError for a date that does not exist."""
    return datetime.fromisoformat(f"{text[:-1]}+00:00")


def milliseconds_of(text: str) -> int:
    """The same in milliseconds since 1970. Raises ValueError for a date that does not exist."""
    return round(parse_timestamp(text).timestamp() * 1000)
