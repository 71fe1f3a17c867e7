"""A person's pause: in force at once, and on the disk as soon as that takes it."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.contract.causes import AT_THE_DEVICE
from edge.daemon.daemon_lock import DaemonLock, Flag
from edge.daemon.pause_confirmation import PauseConfirmation
from edge.daemon.pause_looks import Found, PauseLooks, Seen
from edge.daemon.pause_store import UNKNOWN, ClosedStore, Pause, PauseStore, PresumedPause, somebody
from edge.daemon.store_again import STORE_AGAIN, StoreAgain
from edge.errors import BusyError, EdgeError
from edge.files.ownership import why_not_kept

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Left:
    """What `use` has left behind: the former path, pause and last look, and the pause that was at the new path."""

    path: Path
    pause: Pause | None
    seen: Seen | None
    found: Pause | None


REMEDY = f"make room on the disk, or replace it; it is tried again every {STORE_AGAIN:.0f} s"
HOW_TO_END = "(Ctrl-C in its terminal, or sudo systemctl stop edge)"
OTHER_DAEMON = f"end it {HOW_TO_END}; for a second camera give each its own device.name (or outbox.path)"
NO_FOLDER = "keep the outbox in a folder into which only the user of the daemon may write (outbox.path, chmod o-w)"
READABLE = "edge: the folder can be read again"


class KeptPause:
    """The pause that a person wants, and the files that tell it to the next start and to commands.

    It ends only by an act: `end`, or `edge resume`, which renames its file, or where the daemon can read none, holds a
    flag. That a file is not there, or cannot be read, ends nothing. Where nobody can say whether there is one, a pause
    is presumed: until the same folder can be read again, and nobody has paused.

    Args:
        now: Monotonic seconds.
        mark: What `started_with` says of the configuration file, by which commands find this daemon when that says
            something else by now.
    """

    def __init__(self, now: Callable[[], float], mark: int | None = None) -> None:
        self._mark = mark
        self.pause: Pause | None = None
        """The pause in force."""
        self.problem = ""
        """Why the disk does not have it, so that a restart would end it; empty: it has."""
        self._path: Path | None = None
        self._store: PauseStore | None = None
        self._looks: PauseLooks | None = None
        self._lock: DaemonLock | None = None
        self._stored = False  # the pause has its file
        self._unclear = False  # nobody can say whether there is a file
        self._overruled = False  # but somebody has resumed since then: no pause is presumed
        self._written: Pause | None = None  # into the file there, since it was named
        self._obeyed = False  # whoever holds RESUME has ended a pause by it: that ends no other
        self._begun = False  # whoever holds PAUSE is paused by it, or was: a resume since then ends that
        self._left: _Left | None = None  # until `settle` or `go_back`
        self._again = StoreAgain(now)
        self._confirmation = PauseConfirmation(now)

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
            raise BusyError(f"edge runs already on this machine, with the same files ({path})", OTHER_DAEMON)
        self._lock.set_flag(Flag.RUNS, held=True)
        if self._mark is not None:
            self._lock.set_flag(self._mark, held=True)
        seen = self._looks.seen if self._looks is not None else None
        self._path, self._store, self._looks = path, PauseStore(path), PauseLooks(path, seen)
        self._confirmation.use(path)
        with contextlib.suppress(OSError):
            if problem := why_not_kept(path.parent):
                logger.warning("%s; %s", problem, NO_FOLDER)
        self._written, self._overruled = None, False
        look = self._look(self._looks)
        found = look.pause if look is not None else None
        if look is not None and found is None and self._ended_by(look):
            self._looks.seen = seen  # `update` ends it, as if no other path had been tried
            self._set(self.pause, stored=True)
            return
        self._looks.clear_resumed()  # of an earlier run
        if look is None and self.pause is None:
            found = PresumedPause(somebody(path), UNKNOWN)
        self._set(found or self.pause, stored=look is not None and found is not None and not self._store.foreign)
        self._still_presumed(seen)
        self.keep()
        if found is not None:
            self._written = None
        if former is not None:
            self._left = _Left(former, pause, seen, found)

    def settle(self) -> None:
        """The files that `use` named last are ours: in the former one there is no pause any longer."""
        left, self._left = self._left, None
        if left is None or left.pause is None or (self.pause is not None and not self._stored):
            return
        try:
            if not (self._path and _same(left.path, self._path)):
                _remove(PauseStore(left.path), left.pause)
                ClosedStore(left.path).clear()
        except EdgeError as error:
            logger.warning("%s: remove it, or this pause is in force again under the former name", error)

    def go_back(self) -> None:
        """The files that `use` named last are not ours: they are again as they were, as is the pause in force.

        But a pause that somebody has begun or ended since then is begun or ended there as well. `use` is to be called
        with the former path next.
        """
        left, self._left = self._left, None
        if left is None or self._store is None or self._looks is None:
            return
        self._looks.seen = left.seen
        self._confirmation.clear()  # no daemon keeps a camera closed under that name
        with contextlib.suppress(EdgeError):
            _remove(self._store, self._written)
        former = PauseStore(left.path)
        try:
            if self.pause == (left.found or left.pause) or isinstance(self.pause, PresumedPause):
                self._set(left.pause)
            elif self.pause is None:
                _remove(former, left.pause)
            else:
                former.store(self.pause)
        except EdgeError as error:
            logger.warning("%s: the pause there, if any, is in force again", error)

    def update(self) -> str:
        """Find out what people at the device want; write again what the disk has not taken.

        Returns:
            Who has ended a pause, in words, else ""; another one may be in force already.
        """
        if self._looks is None or self._lock is None:
            return ""
        self._lock.make()  # where the disk has not taken it, or another disk is there now
        asked = self._lock.is_held(Flag.RESUME)
        self._obeyed = asked and (self._obeyed or self.pause is None)
        seen = self._looks.seen
        if (look := self._look(self._looks)) is None:
            return self._hold(asked=asked)
        found, by = look.pause, self._ended_by(look)
        if found is not None and self._is_another(found):  # somebody has paused meanwhile
            self._take(found)
        elif found is None and by:
            self._set(None)
        elif asked and not self._obeyed and (self.problem or isinstance(self.pause, PresumedPause)):
            by = self._obey()
        else:
            by = ""  # whoever has resumed in this very moment is obeyed by the next look
            if found is None and self._stored:
                self._write_anew()
            elif self._again.due:  # a file of our own may be there, but a power cut would undo it
                self.keep()
        if self.pause is None:
            self._looks.clear_resumed()  # it says nothing of the next pause
        self._still_presumed(seen)
        return by

    def take_wish(self) -> bool:
        """Whether somebody at the device wants a pause to `begin` that the disk has not taken; says so once."""
        wanted = self._lock is not None and self._lock.is_held(Flag.PAUSE)
        begun, self._begun = self._begun, wanted
        return wanted and not begun and (self.pause is None or isinstance(self.pause, PresumedPause))

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
        if self.pause is None or isinstance(self.pause, PresumedPause) or self._store is None or self._stored:
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
        self._confirmation.say(self.pause if closed and self._stored else None)
        if self._lock is not None:
            self._lock.set_flag(Flag.CLOSED, held=closed and self.pause is not None)

    def stop(self) -> None:
        """No daemon uses the files any longer."""
        if self._lock is not None:
            self._lock.close()

    def _take(self, found: Pause) -> None:
        """Obey the file of whoever it is; where others can take it away, one of our own is put in its place."""
        written = self._written
        self._set(found, stored=self._store is not None and not self._store.foreign)
        self.keep()
        self._written = written  # it is theirs all the same

    def _look(self, looks: PauseLooks) -> Found | None:
        """What is there now; None: nobody can say."""
        look = None
        with contextlib.suppress(EdgeError):
            look = looks.look()
        self._unclear, self._overruled = look is None, self._overruled and look is None
        self._tell()
        return look

    def _ended_by(self, look: Found) -> str:
        """Who has ended the pause in force, if there is no other file; empty: nobody."""
        if look.resumed and self.pause is not None:
            return AT_THE_DEVICE
        return READABLE if look.same_folder and isinstance(self.pause, PresumedPause) else ""

    def _still_presumed(self, seen: Seen | None) -> None:
        """Only the folder in which there was no pause tells that there is none; this is that of another disk."""
        if self._looks is not None and isinstance(self.pause, PresumedPause):
            self._looks.seen = seen

    def _is_another(self, found: Pause) -> bool:
        if self.pause is None or isinstance(self.pause, PresumedPause):
            return True
        return found.since not in (self.pause.since, UNKNOWN)

    def _hold(self, *, asked: bool) -> str:
        """Nobody can say whether there is a file: a pause goes on, and where there is none, one is presumed."""
        if self.pause is None:
            if not self._overruled and self._path is not None:
                self._set(PresumedPause(somebody(self._path), UNKNOWN))
        elif asked and not self._obeyed:
            return self._obey()
        elif self._again.due:
            self.keep()
        return ""

    def _obey(self) -> str:
        self._obeyed, self._overruled = True, self._unclear
        self._set(None)
        return AT_THE_DEVICE

    def _write_anew(self) -> None:
        logger.warning("%s is gone, but nobody has resumed: the pause goes on, and is written again", self._path)
        self._stored = False
        self._confirmation.forget()  # its file is gone as well
        self._tell()
        self.keep()

    def _set(self, pause: Pause | None, *, stored: bool = False) -> None:
        if stored or pause != self.pause:
            self.problem = ""
        self.pause, self._stored = pause, stored and pause is not None
        self._again.done()
        self._confirmation.at_once()
        self._tell()

    def _tell(self) -> None:
        if self._lock is not None:
            self._lock.make()
            held = self.pause is not None and (self._unclear or not self._stored)
            self._lock.set_flag(Flag.UNSTORED, held=held)


def _remove(store: PauseStore, pause: Pause | None) -> None:
    """Remove the file of this pause, and no other. Raises EdgeError: it may still be there."""
    there = store.load()
    if pause is not None and there is not None and there.since == pause.since:
        store.clear()


def _same(one: Path, other: Path) -> bool:
    """Whether they are one file, which need not be there: its folder may have two names."""
    return one.name == other.name and os.path.realpath(one.parent) == os.path.realpath(other.parent)
