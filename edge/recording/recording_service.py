"""Recording as a program or a page's thread does it: opens the file, waits for disks and brokers, ends when told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edge.files.disk_errors import DiskError
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.retained_topics import RetainedTopics
from edge.recording.former_session import FormerSession, former_client_id
from edge.recording.recorder import RETAINED, RETRY, Recorder, report_failing, topics
from edge.recording.retention import DEFAULT_DAYS, Retention
from edge.recording.session import Session
from edge.recording.stores import Target, make_store
from edge.recording.window_store import WindowStore

LINE_EVERY = 60.0  # seconds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordingTask:
    """What is recorded where.

    Attributes:
        target: The file, or the database.
        settings: The broker.
        prefix: The first level of the topics.
        devices: Whose, or `+` for all.
        client_id: Of the durable session; None: a random one, kept in the file.
        days, window_days: How long all, and single windows, are kept; 0: for ever, None: the default.
    """

    target: Target
    settings: BrokerSettings
    prefix: str
    devices: Sequence[str]
    client_id: str | None = None
    days: int | None = None
    window_days: int | None = None


class RecordingService:
    """Records until it is told to stop.

    Args:
        task: What and where.
        tell: Shows how it goes, several times a second; False where only the log does.
    """

    def __init__(self, task: RecordingTask, tell: Callable[[str], bool] = lambda _words: False) -> None:
        self._task = task
        self._tell = tell
        self._database = make_store(task.target, task.prefix)
        self.failing = False
        """Whether the file cannot be written at the moment."""

    def check(self) -> None:
        """Open it and close it again. Raises ConfigError, DiskError: it cannot be used, or not now."""
        try:
            self._database.start()
        finally:
            self._database.stop()

    def run(self, stop: threading.Event) -> None:
        """Record.

        Args:
            stop: Ends it.

        Raises:
            ConfigError: The file cannot be used.
            RefusedError: The broker refused us from the first.
        """
        told = self._task
        try:
            ids = self._open(stop)
            if ids is None:
                return
            given, former = (told.client_id, None) if told.client_id else ids
            settings = replace(told.settings, client_id=given)
            rest = FormerSession(settings, former, self._database, told.prefix, told.devices) if former else None
            everyone = list(told.devices) == ["+"]
            session = Session(
                settings,
                topics(told.prefix, told.devices),
                [] if everyone else topics(told.prefix, ["+"]),
                retained=RetainedTopics(told.prefix, RETAINED) if everyone else None,
            )
            retention = _retention(told.days, told.window_days, self._database)
            recorder = Recorder(session, self._database, told.prefix, told.devices, retention=retention)
            logger.info("recording into %s as %s", told.target, given)
            self._record(recorder, session, rest, stop)
        finally:
            self._database.stop()

    def _open(self, stop: threading.Event) -> tuple[str, str | None] | None:
        """Open the file, waiting for a disk that may work again; its client ids, or None when we are to stop."""
        while not stop.is_set():
            try:
                self._database.start()
                ids = client_ids(self._database, self._task.target)
            except DiskError as error:
                if not self.failing:
                    report_failing(error)
                self.failing = True
                self._tell("the database cannot be opened")
                stop.wait(RETRY)
            else:
                self.failing = False
                return ids
        return None

    def _record(self, recorder: Recorder, session: Session, rest: FormerSession | None, stop: threading.Event) -> None:
        """Record until we are to stop.

        Args:
            recorder: Stores what the session brings.
            session: Where messages come from.
            rest: What version 0.1 has left at the broker; None: nothing.
            stop: When to stop.
        """
        recorder.start()
        session.start()
        started = False
        line_at, before = time.monotonic() + LINE_EVERY, 0
        try:
            while not stop.is_set():
                recorder.step()
                self.failing = recorder.failing
                if rest is not None and session.subscribed:
                    if not started:
                        rest.start()
                        started = True
                    if rest.step():
                        rest = None
                text = _in_words(recorder, session)
                if not self._tell(text) and time.monotonic() >= line_at:
                    logger.info("%s, %d in the last minute", text, recorder.stored - before)
                    line_at, before = line_at + LINE_EVERY, recorder.stored
        finally:
            session.stop()
            if rest is not None and started:
                rest.stop()


def client_ids(store: WindowStore, target: Target) -> tuple[str, str | None]:
    """The client id of an open store, and that of a session of version 0.1, which knew files only."""
    return store.client_ids(former_client_id(target) if isinstance(target, Path) else "")


def _in_words(recorder: Recorder, session: Session) -> str:
    words = [f"{recorder.total or 0:,} windows, {recorder.stored:,} of them new"]
    if recorder.newer:
        words.append(f"{recorder.newer:,} of a newer version of edge, stored as they came: upgrade this recorder")
    if recorder.invalid:
        words.append(f"{recorder.invalid:,} invalid messages")
    if recorder.refused:
        words.append(f"{recorder.refused:,} turned away (their devices sent too much)")
    if recorder.failing:
        words.append("the database cannot be written")
    words.append("connected" if session.connected else "not connected")
    return ", ".join(words)


def _retention(days: int | None, window_days: int | None, database: WindowStore) -> Retention:
    """What was asked for; where nothing was, the default, which a former file gets only after a while."""
    if days is not None:
        return Retention(days or None, window_days or None)
    now = datetime.now(timezone.utc)
    begins = database.default_begins(now)
    if now < begins:
        logger.warning(
            "from %s on, what is older than %d days is deleted: name another time with --keep-days, or keep all with "
            "--keep-days all", begins.date(), DEFAULT_DAYS,
        )  # fmt: skip
    return Retention(max(DEFAULT_DAYS, window_days or 0), window_days or None, begins)
