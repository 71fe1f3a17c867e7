"""How much each device may add to the file: a full outbox at once, then little an hour; the rest is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

FULL_OUTBOX = 128 * 1024 * 1024  # bytes: what an honest device may bring after a long outage, and its roll-ups
PER_HOUR = 20_000_000  # bytes a device, after that
NEW_DEVICES = 2 * 1024 * 1024 * 1024  # bytes of all devices together that the file did not know at the start
NEW_PER_HOUR = 200_000_000  # bytes, of the same
MOST_DEVICES = 10_000
SMALLEST = 512  # bytes: no message takes more room in tables and indexes than its length, or this, and its names
NAMES = 3  # times that the name of the device stands in a table and its indexes
HOUR = 3600.0  # seconds


class TokenBucket:
    """Tokens that come back with time; all times are monotonic seconds."""

    __slots__ = ("_at", "_level", "_most", "_rate")

    def __init__(self, most: float, per_hour: float, now: float) -> None:
        self._most, self._rate = most, per_hour / HOUR
        self._level, self._at = most, now

    def has(self, amount: float, now: float) -> bool:
        """Whether there are so many."""
        self._level = min(self._most, self._level + (now - self._at) * self._rate)
        self._at = now
        return amount <= self._level

    def take(self, amount: float) -> None:
        """Use them."""
        self._level -= amount


class Allowance:
    """Decides by topic and length alone, before a message costs anything.

    Args:
        report: Called at most once an hour for each device whose messages are turned away, with its name; with None
            when there are too many devices.
    """

    def __init__(self, report: Callable[[str | None], None]) -> None:
        self._report = report
        self._buckets: dict[str, TokenBucket] = {}
        self._known: set[str] = set()
        self._new: TokenBucket | None = None
        self._report_at: dict[str | None, float] = {}
        self.refused = 0
        """Messages that were turned away."""

    def know(self, devices: Iterable[str]) -> None:
        """Devices that the file has; strangers cannot use up their share."""
        self._known.update(devices)

    def admits(self, device: str, length: int, now: float) -> bool:
        """Whether a message is let in, and its cost taken.

        Args:
            device: Whose.
            length: What it may take of the file, in bytes.
            now: Monotonic, in seconds.
        """
        bucket = self._buckets.get(device)
        if bucket is None:
            if len(self._buckets) >= MOST_DEVICES and device not in self._known:
                return self._refuse(None, now)
            bucket = self._buckets[device] = TokenBucket(FULL_OUTBOX, PER_HOUR, now)
        cost = max(length, SMALLEST) + NAMES * len(device.encode())
        if not bucket.has(cost, now):
            return self._refuse(device, now)
        if device not in self._known:
            if self._new is None:
                self._new = TokenBucket(NEW_DEVICES, NEW_PER_HOUR, now)
            if not self._new.has(cost, now):
                return self._refuse(None, now)
            self._new.take(cost)
        bucket.take(cost)
        return True

    def _refuse(self, device: str | None, now: float) -> bool:
        self.refused += 1
        if now >= self._report_at.get(device, now):
            self._report_at[device] = now + HOUR
            self._report(device)
        return False
