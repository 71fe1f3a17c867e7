"""When to write again what a full disk has not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STORE_AGAIN = 10.0  # seconds between two tries


class StoreAgain:
    """Remembers that something waits to be written.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._at: float | None = None  # when to try again

    @property
    def pending(self) -> bool:
        """Whether something waits."""
        return self._at is not None

    @property
    def due(self) -> bool:
        """Whether to try it now."""
        return self._at is not None and self._now() >= self._at

    def later(self) -> None:
        """It could not be written: try again in a while."""
        self._at = self._now() + STORE_AGAIN

    def done(self) -> None:
        """Nothing waits any longer."""
        self._at = None
