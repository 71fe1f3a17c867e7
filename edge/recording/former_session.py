"""A session of a recorder that is no more: emptied into where we record, then ended.

That is one of version 0.1, whose name could be guessed: whoever knows a client id can take its session over, and the
broker then drops what it has queued there. Or one of a share, whose recorder has gone.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edge.errors import RefusedError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.recordable import ForeignSessionError
from edge.recording.recorder import Recorder
from edge.recording.session import Session
from edge.recording.window_store import WindowStore

logger = logging.getLogger(__name__)

QUIET = 3.0  # seconds without a message after which nothing more is queued there


def former_client_id(path: Path) -> str:
    """How version 0.1 named the session of a file: after this machine and the path."""
    name = f"{socket.gethostname()}:{path.absolute()}"
    return f"edge-record-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:10]}"


class FormerSession:
    """Empties a session and ends it. Begin once the new one is subscribed, so that no window falls between them.

    Args:
        settings: Of the new session.
        client_id: Of the old one.
        database: Where its windows go.
        prefix: The first level of the topics.
        devices: Whose, or `+` for all.
        asked: What it may have subscribed to.
        ended: Called when the session has been ended.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        database: WindowStore,
        prefix: str,
        devices: Sequence[str],
        *,
        asked: Sequence[str],
        ended: Callable[[], None],
    ) -> None:
        self._settings = replace(settings, client_id=client_id)
        self._ended = ended
        # It asks for nothing any more: only what waits there comes.
        self._session = Session(self._settings, (), asked)
        self._recorder = Recorder(self._session, database, prefix, devices, retention=None)
        self._ender: Session | None = None
        self._newest: float | None = None  # when something came, or the connection was there
        self._refused = False

    def start(self) -> None:
        """Begin to connect."""
        logger.info("taking over what the broker keeps for the former session %s", self._settings.client_id)
        self._session.start()

    def step(self) -> bool:
        """Work for a moment; True when the session has been emptied and ended.

        A session that we are not let into, or that turns out to be another recorder's, is left: what we record goes on.
        """
        if self._refused:
            return False
        try:
            return self._step()
        except (RefusedError, ForeignSessionError) as error:
            logger.error("the former session %s cannot be emptied: %s", self._settings.client_id, error)
            self._refused = True
            self.stop()
            return False

    def _step(self) -> bool:
        if self._ender is not None:
            self._ender.poll(0.0)
            if not self._ender.connected:
                return False
            self._ender.stop()
            self._ended()
            logger.info("%d windows were taken over, and the former session is ended", self._recorder.stored)
            return True
        if self._session.forgotten:  # the broker keeps nothing there
            self._session.forgotten = False
            self._newest = time.monotonic() - QUIET
        handled = self._recorder.handled
        self._recorder.step(0.0)
        if not self._session.connected:
            self._newest = None
        elif self._newest is None or self._recorder.handled > handled or self._recorder.waiting:
            self._newest = time.monotonic()
        if self._newest is not None and time.monotonic() - self._newest >= QUIET:
            self._session.stop()
            self._ender = Session(self._settings, (), keep=False)
            self._ender.start()
        return False

    def stop(self) -> None:
        """Leave the rest to the next start."""
        self._session.stop()
        if self._ender is not None:
            self._ender.stop()
