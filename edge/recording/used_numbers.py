"""Numbers that a device uses twice, as after its card was restored from an image: both windows are recorded.

A window is known by its device, epoch, number and start. The key of a file has no start, and another key would mean to
write all windows of the file anew; so the second window of a number has its start behind its epoch there, which is
taken off when it is read.
"""

from __future__ import annotations

import logging

from edge.recording.allowance import MOST_DEVICES
from edge.text import printable

logger = logging.getLogger(__name__)


def epoch_with_start(epoch: str, start: str) -> str:
    """The epoch of a second window of a number, as a file has it."""
    return f"{epoch} {start}"


class UsedNumbers:
    """Says once of each device that it uses numbers twice."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def report(self, device: str) -> None:
        """A window came that has the number of another one."""
        if device not in self._said and len(self._said) < MOST_DEVICES:
            self._said.add(device)
            logger.warning(
                "%s uses numbers twice: was its card restored from an image? All its windows are recorded",
                printable(device, 64),
            )
