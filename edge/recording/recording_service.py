"""Recording as a program or a page's thread does it: opens the file, waits for disks and brokers, ends when told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge.files.disk_errors import DiskError
from edge.recording.failing_report import FailingReport, pause
from edge.recording.former_session import FormerSession, former_client_id
from edge.recording.recordable import topics
from edge.recording.recorder import Recorder
from edge.recording.recorder_lock import RecorderLock
from edge.recording.recording_task import RecordingTask
from edge.recording.session import Session
from edge.recording.shared_recording import SharedRecording
from edge.recording.stores import make_store
from edge.recording.window_store import WindowStore
from edge.text import counted

LINE_EVERY = 60.0  # seconds
ANY_CERTIFICATE = (
    "mqtt.certificate_file without mqtt.username: where the broker binds no client id to a certificate, as Mosquitto, "
    "whoever has another one and guesses --client-id %s takes this session, with the windows that wait in it; set "
    'mqtt.username and mqtt.password_file, too (docs/scale.md, "Client certificates"), or leave --client-id out: then '
    "it is random"
)

logger = logging.getLogger(__name__)


class RecordingService:
    """Records until it is told to stop.

    Args:
        task: What and where.
        tell: Shows how it goes, several times a second; False where only the log does.
        ready: Called when the recording is open, which a conversion may come before, and what it lacks has been told.
        owner: Who records, in words: a command.
    """

    def __init__(
        self,
        task: RecordingTask,
        tell: Callable[[str], bool] = lambda _words: False,
        ready: Callable[[], None] = lambda: None,
        owner: str = "edge record",
    ) -> None:
        self._task = task
        self._tell = tell
        self._ready = ready
        self._database = make_store(task.target, task.prefix, self._converting, task.reserve)
        self._lock = RecorderLock(task.target, owner) if isinstance(task.target, Path) else None
        self._line_at = time.monotonic() + LINE_EVERY  # when the log says next how it goes
        self._stored = 0  # windows by the last time
        self._opening = FailingReport()
        self.failing = False
        """Whether the file cannot be written at the moment."""

    def check(self) -> None:
        """Open it and close it again; no other process may record into the same file from now on.

        Raises:
            BusyError: Another process records into it.
            ConfigError, DiskError: It cannot be used, or not now.
        """
        try:
            self._database.start()
            self._take_lock()
            self._database.claim(self._task.if_copy)
        finally:
            self._database.stop()

    def run(self, stop: threading.Event) -> None:
        """Record.

        Args:
            stop: Ends it.

        Raises:
            BusyError: Another process records into the file.
            ConfigError: The file cannot be used.
            RefusedError: The broker refused us from the first.
        """
        told = self._task
        try:
            ids = self._open(stop)
            if ids is None:
                return
            if told.client_id and told.settings.certificate_file and not told.settings.username:
                logger.warning(ANY_CERTIFICATE, told.client_id)
            if told.share is not None:
                self._opening.over()
                self._ready()
                SharedRecording(told, self._database, told.client_id or ids[0], self._show).run(stop)
                return
            given, former = (told.client_id, None) if told.client_id else ids
            rest = self._former(former) if former else None
            session = told.ordinary_session(given)
            recorder = Recorder(
                session, self._database, told.prefix, told.devices, retention=told.retention(self._database)
            )
            logger.info("recording into %s as %s", told.target, given)
            self._record(recorder, session, rest, stop)
        finally:
            self._database.stop()
            if self._lock is not None:
                self._lock.release()

    def _take_lock(self) -> None:
        if self._lock is not None:
            self._lock.take()

    def _open(self, stop: threading.Event) -> tuple[str, str | None] | None:
        """Open the file, waiting for a disk that may work again; its client ids, or None when we are to stop."""
        while not stop.is_set():
            try:
                self._database.start()
                self._take_lock()  # only now: a file that is not a recording gets nothing beside it
                ids = client_ids(self._database, self._task)
            except DiskError as error:
                self._opening.say(error)
                self.failing = True
                self._tell("the database cannot be opened")
                stop.wait(pause(error))
            else:
                self.failing = False
                return ids
        return None

    def _converting(self) -> None:
        self._tell("converting the recording of an older version")

    def _show(self, text: str, stored: int, *, failing: bool) -> None:
        """Tell how it goes, and where nobody sees that, have a line of it in the log every minute."""
        self.failing = failing
        now = time.monotonic()
        if not self._tell(text) and now >= self._line_at:
            logger.info("%s, %d in the last minute", text, stored - self._stored)
            self._line_at, self._stored = now + LINE_EVERY, stored

    def _former(self, client_id: str) -> FormerSession:
        told = self._task
        return FormerSession(
            told.settings, client_id, self._database, told.prefix, told.devices,
            asked=[*topics(told.prefix, told.devices), *topics(told.prefix, ["+"])], ended=self._database.forget_former,
        )  # fmt: skip

    def _record(self, recorder: Recorder, session: Session, rest: FormerSession | None, stop: threading.Event) -> None:
        """Record until we are to stop.

        Args:
            recorder: Stores what the session brings.
            session: Where messages come from.
            rest: What version 0.1 has left at the broker; None: nothing.
            stop: When to stop.
        """
        recorder.start()
        if not recorder.failing:  # it goes on to say why, and when that is over
            self._opening.over()
        self._show(_in_words(recorder, session), recorder.stored, failing=recorder.failing)
        self._ready()
        session.start()
        started = False
        try:
            while not stop.is_set():
                recorder.step()
                if rest is not None and session.subscribed:
                    if not started:
                        rest.start()
                        started = True
                    if rest.step():
                        rest = None
                self._show(_in_words(recorder, session), recorder.stored, failing=recorder.failing)
        finally:
            session.stop()
            if rest is not None and started:
                rest.stop()


def client_ids(store: WindowStore, task: RecordingTask) -> tuple[str, str | None]:
    """The client id of an open store, and that of a session of version 0.1, which knew files only.

    Raises:
        ConfigError: The store may be a copy, whose session is not ours; or as its methods.
        DiskError: As its methods.
    """
    store.claim(task.if_copy)
    return store.client_ids(former_client_id(task.target) if isinstance(task.target, Path) else "")


def _in_words(recorder: Recorder, session: Session) -> str:
    words = [f"{counted(recorder.stored, 'window')} stored"]
    if recorder.newer:
        words.append(f"{recorder.newer:,} of a newer version of edge, stored as they came: upgrade this recorder")
    if recorder.invalid:
        words.append(f"{recorder.invalid:,} invalid messages")
    if recorder.refused:
        words.append(f"{recorder.refused:,} turned away (their devices sent too much)")
    if recorder.crowded_out:
        words.append(f"{recorder.crowded_out:,} of them LOST of new rooms: see the log")
    if recorder.failing:
        words.append("the database cannot be written")
    words.append("connected" if session.connected else "not connected")
    return ", ".join(words)
