"""How often a device may say that something else is hidden or withheld, before that costs the database anything."""

from __future__ import annotations

from collections.abc import Callable

from edge.contract.machine_messages import MachineInfo
from edge.recording.allowance import HOUR, TokenBucket
from edge.recording.places import written_place

MOST = 60  # changes, at once and an hour; people make a handful


class PlaceChanges:
    """Counts those of each device; all times are monotonic seconds.

    Args:
        report: Called at most once an hour for each device whose changes are turned away, with its name.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        # The last that was let in, and how many more may be.
        self._known: dict[str, tuple[str, TokenBucket]] = {}
        self._report_at: dict[str, float] = {}
        self.refused = 0
        """Messages that were turned away."""

    def admits(self, device: str, info: MachineInfo, now: float) -> bool:
        """Whether a message is let in: one that says what the last one did always is.

        Args:
            device: Whose: one that the allowance knows, of which there is a bounded number.
            info: What it says.
            now: Monotonic, in seconds.
        """
        said = written_place(info)
        if device not in self._known:
            self._known[device] = said, TokenBucket(MOST, MOST, now)
            return True
        last, changes = self._known[device]
        if said == last:
            return True
        if not changes.has(1, now):
            self.refused += 1
            if now >= self._report_at.get(device, now):
                self._report_at[device] = now + HOUR
                self._report(device)
            return False
        changes.take(1)
        self._known[device] = said, changes
        return True
