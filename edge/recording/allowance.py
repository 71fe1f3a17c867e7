"""How much each device may add: a full outbox at once, then little an hour; of new ones all together much less.

Where topics are not bound to users at the broker, whoever has one room's password can be any number of new rooms. So
what a new device sends is charged to an account that all new ones share. At the rate at which it took from there for
half an hour, twice over, it may go on by itself: honest rooms soon need the shared account no more, and made-up ones
may send no more than that account once gave them. However long they go on, all of those rates have a sum of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

FULL_OUTBOX = 128 * 1024 * 1024  # bytes: what an honest device may bring after a long outage, and its roll-ups
PER_HOUR = 20_000_000  # bytes a device, after that
NEW_DEVICES = 2 * 1024 * 1024 * 1024  # bytes of all new devices together
NEW_PER_HOUR = 200_000_000  # bytes, of the same
OWN_PER_HOUR = 10_000_000_000  # bytes that new devices together may come to send by themselves: 5,000 rooms need 7.5 GB
MOST_DEVICES = 10_000
SMALLEST = 512  # bytes: no message takes more room in tables and indexes than its length, or this, and its names
NAMES = 3  # times that the name of the device stands in a table and its indexes
HOUR = 3600.0  # seconds
LOOK = HOUR / 2  # that a device's part of the shared account is added up for
MARGIN = 2  # times that rate, so that an account of its own is never short of what it sends
FULLY_KNOWN = 8000  # windows in the recording, a day of a room, with which a device is no new one in anything


class TokenBucket:
    """Tokens that come back with time; all times are monotonic seconds."""

    __slots__ = ("_at", "_level", "_most", "_rate")

    def __init__(self, most: float, per_hour: float, now: float, level: float | None = None) -> None:
        self._most, self._rate = most, per_hour / HOUR
        self._level, self._at = most if level is None else level, now

    def has(self, amount: float, now: float) -> bool:
        """Whether there are so many."""
        self._level = min(self._most, self._level + (now - self._at) * self._rate)
        self._at = now
        return amount <= self._level

    def take(self, amount: float) -> None:
        """Use them."""
        self._level -= amount

    def quicken(self, per_hour: float, most: float) -> float:
        """Have so many more come back an hour from now on, `most` altogether. How many those are is returned."""
        more = min(per_hour, most - self._rate * HOUR)
        self._rate += more / HOUR
        return more


class _Device:
    """What one may add, and how much of that by itself."""

    __slots__ = ("_drawn", "_look_at", "bound", "own")

    def __init__(self, windows: int, now: float) -> None:
        known = min(1.0, windows / FULLY_KNOWN)
        self.bound = TokenBucket(FULL_OUTBOX, PER_HOUR, now)
        self.own = TokenBucket(FULL_OUTBOX, known * PER_HOUR, now, level=known * FULL_OUTBOX)
        self._drawn = 0.0
        self._look_at = now + LOOK

    def look(self, now: float, most: float) -> float:
        """Let what it drew from the shared account within half an hour be its own from now on.

        Returns:
            How much more it may send by itself now: `most` at most, in bytes an hour.
        """
        if now < self._look_at:
            return 0.0
        self.own.has(0, self._look_at)
        more = self.own.quicken(min(most, MARGIN * self._drawn * HOUR / LOOK), PER_HOUR)
        self._drawn, self._look_at = 0.0, now + LOOK
        return more

    def draw(self, cost: float) -> None:
        """It drew so much."""
        self._drawn += cost


class Allowance:
    """Decides by topic and length alone, before a message costs anything.

    Args:
        report: Called at most once an hour for each device whose messages are turned away, with its name, and for those
            that only the shared account of new ones had nothing for, or that are too many, with None; and with how many
            messages that were since the last time.
    """

    def __init__(self, report: Callable[[str | None, int], None]) -> None:
        self._report = report
        self._devices: dict[str, _Device] = {}
        self._known: dict[str, int] = {}
        self._new: TokenBucket | None = None
        self._unassigned: float = OWN_PER_HOUR
        self._report_at: dict[str | None, float] = {}
        self._unreported: dict[str | None, int] = {}
        self.refused = 0
        """Messages that were turned away."""
        self.crowded_out = 0
        """Of them, those that all new devices together had no room for: an honest room's may be among them."""

    def know(self, windows: Mapping[str, int]) -> None:
        """Devices that have been recorded, and how many windows of each; strangers cannot use up their share.

        A device with few windows is known a little: else a window of each of many made-up names would be enough, and
        the next start of the recorder.
        """
        self._known.update(windows)

    def admits(self, device: str, length: int, now: float) -> bool:
        """Whether a message is let in, and its cost taken.

        Args:
            device: Whose.
            length: What it may take of the file, in bytes.
            now: Monotonic, in seconds.
        """
        found = self._devices.get(device)
        if found is None:
            if len(self._devices) >= MOST_DEVICES and device not in self._known:
                return self._refuse(None, now)
            found = self._devices[device] = _Device(self._known.get(device, 0), now)
        cost = max(length, SMALLEST) + NAMES * len(device.encode())
        if not found.bound.has(cost, now):
            return self._refuse(device, now)
        self._unassigned -= found.look(now, self._unassigned)
        if found.own.has(cost, now):
            found.own.take(cost)
        else:
            if self._new is None:
                self._new = TokenBucket(NEW_DEVICES, NEW_PER_HOUR, now)
            if not self._new.has(cost, now):
                return self._refuse(None, now)
            self._new.take(cost)
            found.draw(cost)
        found.bound.take(cost)
        return True

    def _refuse(self, device: str | None, now: float) -> bool:
        self.refused += 1
        self.crowded_out += device is None
        self._unreported[device] = self._unreported.get(device, 0) + 1
        if now >= self._report_at.get(device, now):
            self._report_at[device] = now + HOUR
            self._report(device, self._unreported.pop(device))
        return False
