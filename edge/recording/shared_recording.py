"""One of several recorders of a school: windows come to one of them each, through a shared subscription (`$share`).

Each recorder has a session of the share. One of them, whichever is first, also has the ordinary session of the school,
which brings states, availability and `info` in their order, and every window once more: it stores those that the share
is not sure to bring (`shared_windows`), and acknowledges the others unread. Locks in the database say who has which
session, so a recorder that dies, or loses the database, loses its sessions to the others; they empty and end them.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from edge.files.disk_errors import DiskError
from edge.recording.device_reports import report_missing
from edge.recording.failing_report import RETRY, FailingReport
from edge.recording.former_session import FormerSession
from edge.recording.recorder import Recorder
from edge.recording.recording_task import RecordingTask
from edge.recording.retention import Retention
from edge.recording.session import MOST, Session
from edge.recording.shared_windows import SharedWindows
from edge.recording.stored_numbers import StoredNumbers
from edge.recording.stores import make_shared_sessions
from edge.recording.window_store import WindowStore
from edge.text import counted

LOOK = 2.0  # seconds between looks at who has which session
PATIENCE = 20.0  # seconds that a session may be nobody's: its recorder may be starting again
ROUNDS = 5  # polls of the ordinary session for one of the share, which is a part of it

if TYPE_CHECKING:
    from edge.recording.postgres.shared_sessions import SharedSessions

logger = logging.getLogger(__name__)


class Tell(Protocol):
    """Shows how it goes."""

    def __call__(self, text: str, stored: int, *, failing: bool) -> None:
        """With how many windows were stored, and whether the database cannot be written."""


class SharedRecording:
    """Records until it is told to stop.

    Args:
        task: What and where, with the name of the share.
        database: Where windows go; open.
        ordinary_id: The client id of the school's ordinary session.
        tell: Shows how it goes, several times a second.
    """

    def __init__(self, task: RecordingTask, database: WindowStore, ordinary_id: str, tell: Tell) -> None:
        self._task = task
        self._database = database
        self._ordinary_id = ordinary_id
        self._tell = tell
        self._sessions = make_shared_sessions(task.target, task.share or "", task.shared_ids)
        self._stored = 0

    def run(self, stop: threading.Event) -> None:
        """Record. Raises ConfigError, RefusedError."""
        report, waiting, retention = FailingReport(), False, self._task.retention(self._database)
        try:
            while not stop.is_set():
                try:
                    client_id = self._sessions.start()
                    report.over()
                    if client_id is None:
                        if not waiting:
                            logger.info("all %d recorders of the share are there: waiting", self._task.recorders)
                        waiting = True
                        self._tell("waiting: all recorders of the share are there", self._stored, failing=False)
                        stop.wait(LOOK)
                        continue
                    waiting = False
                    self._record(_Member(self._task, self._database, self._sessions, client_id), retention, stop)
                except DiskError as error:
                    report.say(error)
                    self._tell("the database cannot be reached", self._stored, failing=True)
                    stop.wait(RETRY)
        finally:
            self._sessions.stop()

    def _record(self, member: _Member, retention: Retention, stop: threading.Event) -> None:
        """Record for as long as our sessions are ours. Raises AwayError once they may not be any more."""
        try:
            member.start()
            while not stop.is_set():
                member.step(self._ordinary_id, retention)
                self._tell(member.in_words(), self._stored + member.stored, failing=member.failing)
        finally:
            self._stored += member.stored
            member.stop()


class _Member:
    """A recorder that has a session of the share, and perhaps others."""

    def __init__(self, task: RecordingTask, database: WindowStore, sessions: SharedSessions, client_id: str) -> None:
        self._task = task
        self._database = database
        self._sessions = sessions
        self._client_id = client_id
        asked = [f"$share/{sessions.group}/{task.prefix}/{device}/window" for device in task.devices]
        # Of version 0.2.0, whose name of the group anybody could guess.
        guessed = [f"$share/{task.share}/{task.prefix}/{device}/window" for device in {*task.devices, "+"}]
        self._asked = [*asked, *guessed]
        self._session = Session(task.settings_of(client_id), asked, guessed)
        self._recorder = Recorder(self._session, database, task.prefix, task.devices, retention=None)
        self._ordinary: tuple[Session, Recorder, SharedWindows] | None = None
        self._numbers = StoredNumbers(sessions.missing, report_missing)
        self._rest: FormerSession | None = None  # of a recorder that has gone
        self._free: dict[str, float] = {}  # sessions that are nobody's, and since when
        self._look_at = 0.0

    @property
    def failing(self) -> bool:
        """Whether the database cannot be written at the moment."""
        return self._recorder.failing

    @property
    def stored(self) -> int:
        """Windows that were new."""
        return self._recorder.stored + (self._ordinary[1].stored if self._ordinary is not None else 0)

    def start(self) -> None:
        """Begin to connect. Raises ConfigError."""
        logger.info(
            "recording into %s as %s, one of the share %s", self._task.target, self._client_id, self._task.share
        )
        self._recorder.start()
        self._session.start()

    def stop(self) -> None:
        """Leave the broker, which keeps the sessions."""
        self._session.stop()
        if self._ordinary is not None:
            self._ordinary[0].stop()
        if self._rest is not None:
            self._rest.stop()

    def step(self, ordinary_id: str, retention: Retention) -> None:
        """Work for a moment. Raises as `SharedRecording.run`, and AwayError when sessions may not be ours any more."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK
            self._look(now, ordinary_id, retention)
        self._recorder.step()
        if self._ordinary is not None:
            _, recorder, shared = self._ordinary
            shared.look()
            for _ in range(ROUNDS):
                before = recorder.handled
                recorder.step(0.0)
                if recorder.handled < before + MOST:
                    break
        if self._rest is not None and self._rest.step():
            self._rest = None

    def _look(self, now: float, ordinary_id: str, retention: Retention) -> None:
        """Take what nobody has."""
        free = self._sessions.free()
        self._free = {name: self._free.get(name, now) for name in free}
        if self._ordinary is None and self._sessions.take_ordinary():
            self._begin_ordinary(ordinary_id, retention)
        if self._ordinary is not None:
            self._ordinary[2].all_taken = not free and self._rest is None
            self._numbers.look(datetime.now(timezone.utc))
        if self._rest is None and self._session.subscribed:
            due = (name for name, since in self._free.items() if now - since > PATIENCE)
            found = next(filter(self._sessions.take, due), None)
            if found is not None:
                self._begin_rest(found)

    def _begin_ordinary(self, client_id: str, retention: Retention) -> None:
        logger.info("recording states, and what the share does not bring, as %s", client_id)
        session = self._task.ordinary_session(client_id)
        shared = SharedWindows(session, self._session)
        recorder = Recorder(
            session, self._database, self._task.prefix, self._task.devices, retention=retention,
            wanted=lambda delivery: not shared.bring(delivery),
        )  # fmt: skip
        recorder.start()
        session.start()
        self._ordinary = session, recorder, shared

    def _begin_rest(self, client_id: str) -> None:
        task = self._task
        everyone = f"$share/{self._sessions.group}/{task.prefix}/+/window"
        self._rest = FormerSession(
            task.settings_of(client_id), client_id, self._database, task.prefix, task.devices,
            asked=[*self._asked, everyone], ended=lambda: self._sessions.forget(client_id),
        )  # fmt: skip
        self._rest.start()

    def in_words(self) -> str:
        """How it goes."""
        words = [f"{counted(self.stored, 'window')} stored"]
        words.append("a session of the share" + (" and the ordinary one" if self._ordinary else ""))
        if self._rest is not None:
            words.append("taking over a session")
        return ", ".join([*words, "connected" if self._session.connected else "not connected"])
