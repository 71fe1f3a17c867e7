"""What confirms a pause to `edge pause`: a file that says that nothing holds the camera open any longer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from edge.daemon.pause_store import ClosedStore
from edge.daemon.store_again import StoreAgain
from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.daemon.pause_store import Pause


class PauseConfirmation:
    """The file beside the one of the pause, written again where the disk has not taken it.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._store: ClosedStore | None = None
        self._says: Pause | None = None
        self._again = StoreAgain(now)

    def use(self, path: Path) -> None:
        """Belong to this file of a pause from now on; nothing is confirmed yet, whatever an earlier run has left."""
        self._store = ClosedStore(path)
        self.forget()
        self.clear()

    def clear(self) -> None:
        """Confirm nothing any longer, if the disk lets that be removed."""
        if self._store is not None:
            with contextlib.suppress(EdgeError):
                self._store.clear()

    def forget(self) -> None:
        """The file may be gone, as that of the pause is: what is confirmed is to be written anew."""
        self._says = None
        self._again.done()

    def at_once(self) -> None:
        """Another pause is in force: wait no longer."""
        self._again.done()

    def say(self, pause: Pause | None) -> None:
        """Confirm this pause; None: none."""
        if pause == self._says or self._store is None or (self._again.pending and not self._again.due):
            return
        try:
            if pause is None:
                self._store.clear()
            else:
                self._store.store(pause)
        except EdgeError:  # until then `edge pause` says that nobody has confirmed it
            self._again.later()
        else:
            self._says = pause
            self._again.done()
