"""A person's pause: in force at once, and on the disk as soon as that takes it."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.daemon.daemon_lock import DaemonLock, Flag
from edge.daemon.pause_store import UNKNOWN, ClosedStore, Pause, PauseStore, ResumedStore
from edge.daemon.store_again import STORE_AGAIN, StoreAgain
from edge.errors import BusyError, EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Left:
    """What `use` has left behind: the former path, the pause of then, and what was found at the new path."""

    path: Path
    pause: Pause | None
    found: Pause | None


REMEDY = f"make room on the disk, or replace it; it is tried again every {STORE_AGAIN:.0f} s"
OTHER_DAEMON = "end it, or give each its own device.name or outbox.path"


class KeptPause:
    """The pause that a person wants, and the files that tell it to the next start and to commands.

    It ends only by an act: `end`, or `edge resume`, which renames its file, or where it has none, holds a flag. That a
    file is not there, or cannot be read, ends nothing.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.pause: Pause | None = None
        """The pause in force."""
        self.problem = ""
        """Why the disk does not have it, so that a restart would end it; empty: it has."""
        self._path: Path | None = None
        self._store: PauseStore | None = None
        self._closed: ClosedStore | None = None
        self._resumed: ResumedStore | None = None
        self._lock: DaemonLock | None = None
        self._stored = False  # the pause has its file
        self._written: Pause | None = None  # into the file there, since it was named
        self._obeyed = False  # whoever holds RESUME has ended a pause by it: that ends no other
        self._left: _Left | None = None  # until `settle` or `go_back`
        self._again = StoreAgain(now)
        self._confirmed: Pause | None = None  # what the file there says
        self._confirm_again = StoreAgain(now)

    def use(self, path: Path) -> None:
        """Keep it in this file from now on; the pause that is there is taken, else the one in force is written there.

        Of the file that is used already only `update` knows whether it is there because nobody has resumed. What was
        kept in another one before is left there until `settle`.

        Raises:
            BusyError: Another daemon uses these files: nothing in them has changed.
        """
        self._left = None
        if path == self._path:
            return
        former, pause = self._path, self.pause
        self.stop()
        self._path = None  # until it is clear that the other one may be used
        self._lock = DaemonLock(path)
        self._lock.make()
        if self._lock.is_held(Flag.RUNS):
            self._lock.close()
            raise BusyError(f"another edge daemon keeps its pause in {path}", OTHER_DAEMON)
        self._lock.set_flag(Flag.RUNS, held=True)
        self._path, self._store, self._closed, self._confirmed = path, PauseStore(path), ClosedStore(path), None
        self._resumed, self._written = ResumedStore(path), None
        for left in (self._closed, self._resumed):  # of an earlier run, which may have ended in any way
            with contextlib.suppress(EdgeError):
                left.clear()
        if (found := self._store.load()) is not None:
            self._set(found, stored=True)
        else:
            self._set(self.pause, stored=False)
            self.keep()
        if former is not None:
            self._left = _Left(former, pause, found)

    def settle(self) -> None:
        """The files that `use` named last are ours: in the former one there is no pause any longer."""
        left, self._left = self._left, None
        if left is None or left.pause is None or (self.pause is not None and not self._stored):
            return
        try:
            if not (self._path and _same(left.path, self._path)):
                PauseStore(left.path).clear()
                ClosedStore(left.path).clear()
        except EdgeError as error:
            logger.warning("%s: remove it, or this pause is in force again under the former name", error)

    def go_back(self) -> None:
        """The files that `use` named last are not ours: they are again as they were, as is the pause in force.

        But one that somebody has begun or ended since then. `use` is to be called with the former path next.
        """
        left, self._left = self._left, None
        if left is None or self._store is None:
            return
        there = self._store.load()
        if self._written is not None and there is not None and there.since == self._written.since:
            with contextlib.suppress(EdgeError):
                self._store.clear()
        if left.found is not None and self.pause == left.found:
            self._set(left.pause)

    def update(self) -> bool:
        """Find out what people at the device want; write again what the disk has not taken.

        Returns:
            Whether somebody has ended a pause; another one may be in force already.
        """
        if self._store is None or self._lock is None:
            return False
        self._lock.make()  # where the disk has not taken it, or another disk is there now
        asked = self._lock.is_held(Flag.RESUME)
        self._obeyed = asked and (self._obeyed or self.pause is None)
        found, ended = self._store.load(), False
        if self.pause is None:
            if found is not None:
                self._set(found, stored=True)
        elif found is not None and found.since not in (self.pause.since, UNKNOWN):  # somebody has paused meanwhile
            ended = self._is_resumed(self.pause)
            self._set(found, stored=True)
        elif found is None and self._is_resumed(self.pause):
            ended = True
            self._set(None)
        elif self.problem and asked and not self._obeyed:
            ended = self._obeyed = True
            self._set(None)
        elif found is None and self._stored:
            self._write_anew()
        elif self._again.due:  # a file of our own may be there, but a power cut would undo it
            self.keep()
        return ended

    def begin(self, pause: Pause) -> None:
        """Be paused from now on. `store` is due, once the camera is closed."""
        self._set(pause, stored=False)
        self._again.later()

    def store(self) -> None:
        """Write it to the disk.

        Raises:
            EdgeError: The disk does not take it. It is in force all the same, and tried again.
        """
        self.keep()
        if self.problem:
            raise EdgeError(f"paused, but not for longer than until a restart: {self.problem}", REMEDY)

    def keep(self) -> None:
        """Write it to the disk, now or later."""
        if self.pause is None or self._store is None or self._stored:
            return
        try:
            self._store.store(self.pause)
        except EdgeError as error:
            if not self.problem:
                logger.error("paused, but not for longer than until a restart: %s: %s", error, REMEDY)
            self._stored, self.problem = False, str(error)
            self._again.later()
        else:
            if self.problem:
                logger.info("the pause is stored now")
            self._stored, self.problem, self._written = True, "", self.pause
            self._again.done()
        self._tell()

    def end(self) -> None:
        """Be paused no longer. Raises EdgeError: the file is still there, and the pause goes on."""
        if self._store is not None:
            self._store.clear()
        self._set(None)

    def confirm(self, *, closed: bool) -> None:
        """Let `edge pause` know that nothing holds the camera open, or no longer that."""
        pause = self.pause if closed and self._stored else None
        if pause == self._confirmed or self._closed is None:
            return
        if self._confirm_again.pending and not self._confirm_again.due:
            return
        try:
            if pause is None:
                self._closed.clear()
            else:
                self._closed.store(pause)
        except EdgeError:  # until then `edge pause` says that nobody has confirmed it
            self._confirm_again.later()
        else:
            self._confirmed = pause
            self._confirm_again.done()

    def stop(self) -> None:
        """No daemon uses the files any longer."""
        if self._lock is not None:
            self._lock.close()

    def _is_resumed(self, pause: Pause) -> bool:
        if self._resumed is None or not self._resumed.names(pause):
            return False
        with contextlib.suppress(EdgeError):  # it says nothing of any other pause
            self._resumed.clear()
        return True

    def _write_anew(self) -> None:
        logger.warning("%s is gone, but nobody has resumed: the pause goes on, and is written again", self._path)
        self._stored, self._confirmed = False, None  # what confirms it is gone as well
        self._tell()
        self.keep()

    def _set(self, pause: Pause | None, *, stored: bool = False) -> None:
        if stored or pause != self.pause:
            self.problem = ""
        self.pause, self._stored = pause, stored and pause is not None
        self._again.done()
        self._confirm_again.done()
        self._tell()

    def _tell(self) -> None:
        if self._lock is not None:
            self._lock.make()
            self._lock.set_flag(Flag.UNSTORED, held=self.pause is not None and not self._stored)


def _same(one: Path, other: Path) -> bool:
    """Whether they are one file, which need not be there: its folder may have two names."""
    return one.name == other.name and one.parent.resolve() == other.parent.resolve()
