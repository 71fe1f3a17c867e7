"""Where the embedded broker of a daemon that runs already listens: not always on the port of the configuration."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from edge.config.broker_url import BrokerUrl
from edge.daemon.daemon_lock import Flag, is_held
from edge.daemon.own_epoch import epoch_in, own_epoch
from edge.daemon.paths import client_id, pause_path, topics
from edge.errors import ConfigError, EdgeError
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.embedded_broker import HOST, ports_from
from edge.mqtt.sync_client import SyncClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.config.schema import Config

ANSWER_SECONDS = 3.0  # for a broker to accept us; it is on this machine
QUIET_SECONDS = 0.5  # after which no further retained message is expected
LOOK_EVERY = 5.0  # seconds, while a daemon of ours runs and a reader is not sure to be at its broker
LOOK_FOR_ANOTHERS = 30.0  # the same for the daemon of another user, of which nothing else says whether it runs
BY_NAME, SURE = 1, 2  # a room of another user may have the same name


def daemon_runs(config: Config) -> bool:
    """Whether a daemon with the outbox of this configuration runs. Raises ConfigError: there is no place for one."""
    return is_held(pause_path(config), Flag.RUNS)


class Whereabouts:
    """Where a reader finds the daemon's own broker: that may start later, or come back on another port.

    It is looked for in a thread of its own, until it is found, and again after each lost connection. A daemon of ours
    is told from any other; where none runs, one of another user counts, as beside a service, by the name of the room
    alone: all users of this machine may publish at an embedded broker anyway.

    Args:
        config: The configuration, whose broker is `embedded`.
        url: Where to connect while no daemon is found.
    """

    def __init__(self, config: Config, url: BrokerUrl) -> None:
        self._config = config
        self._url = url
        self._lock = threading.Lock()  # several connections may share this
        self._ours = _ours_runs(config)
        self._found = False
        self._looking = False
        self._next = 0.0

    def __call__(self, connected: bool) -> BrokerUrl:  # noqa: FBT001 - as a Callable has it
        """Where it is, as far as known; called a few times a second.

        Args:
            connected: Whether there is a connection to the last answer.
        """
        ours, now = _ours_runs(self._config), time.monotonic()
        with self._lock:
            if ours != self._ours:
                self._ours, self._found, self._next = ours, False, now
            if not connected:
                self._found = False
            if not self._found and not self._looking and now >= self._next:
                self._looking = True
                threading.Thread(target=self._look_again, name="broker look-out", daemon=True).start()
            return self._url

    def look(self) -> BrokerUrl:
        """Where it is; takes as long as a broker may take to answer."""
        ours = _ours_runs(self._config)
        found, sure = None, 0
        with contextlib.suppress(ConfigError, OSError):  # as in `_ours_runs`; or there are too many files or sockets
            found, sure = _find(self._config, f"-looking-{secrets.token_hex(4)}", ours=ours)
        with self._lock:
            if found is not None:
                self._url = found.url
            self._found = sure == SURE and ours == self._ours
            self._next = time.monotonic() + (LOOK_EVERY if self._ours else LOOK_FOR_ANOTHERS)
            return self._url

    def _look_again(self) -> None:
        try:
            with contextlib.suppress(RuntimeError):  # the program ends: it begins no threads any more
                self.look()
        finally:
            self._looking = False


def _ours_runs(config: Config) -> bool:
    with contextlib.suppress(ConfigError, OSError):  # there is no outbox here, or it is another user's
        return daemon_runs(config)
    return False


def running_broker(config: Config, purpose: str) -> BrokerSettings | None:
    """How to reach the embedded broker of the daemon that runs with this configuration.

    Args:
        config: The configuration.
        purpose: Added to the client id, so that a second client does not push the daemon out.

    Returns:
        None: no such daemon runs, or it has another broker.

    Raises:
        ConfigError: There is no place for an outbox.
    """
    if config.mqtt.broker != "embedded" or not daemon_runs(config):
        return None
    return _find(config, purpose, ours=True)[0]


def _find(config: Config, purpose: str, *, ours: bool) -> tuple[BrokerSettings | None, int]:
    """Ask the ports on which it may be: where that of the configuration was in use it has taken a later one.

    It is the one where this device is online; the newest window tells our daemon (`ours`) from another one of that
    name, as it has the epoch of our outbox. Nobody is sent user or password: an embedded broker wants none, and who
    listens there may be somebody else.

    Returns:
        It, None: there is none; and how sure that is, as `_is_of` says.
    """
    ports = ports_from(config.mqtt.embedded_port)
    urls = [BrokerUrl(HOST, port, tls=False) for port in ports]
    asked = [BrokerSettings(url, client_id(config, purpose)) for url in urls]
    until, enough = time.monotonic() + ANSWER_SECONDS, threading.Event()

    def wanted() -> bool:
        return not enough.is_set() and time.monotonic() < until

    found: BrokerSettings | None = None
    sure = 0
    try:
        # All at once: what listens there may be no broker, and say nothing.
        answers = [_begin(partial(_is_of, config, each, wanted, ours=ours)) for each in asked]
        for each, answer in zip(asked, answers, strict=True):
            if answer.result() > sure:
                found, sure = each, answer.result()
            if sure == SURE:
                break
    finally:
        enough.set()
    return found, sure


def _begin(task: Callable[[], int]) -> Future[int]:
    """Do it in a thread that nobody waits for where the program ends, unlike one of a pool."""
    answer: Future[int] = Future()

    def run() -> None:
        try:
            answer.set_result(task())
        except Exception as error:  # noqa: BLE001 - whoever asks gets it
            answer.set_exception(error)

    threading.Thread(target=run, name="broker look-out", daemon=True).start()
    return answer


def _is_of(config: Config, settings: BrokerSettings, wanted: Callable[[], bool], *, ours: bool) -> int:
    """How sure it is that this is the daemon's broker: not at all (0), BY_NAME or SURE."""
    if not _listens(settings.url):
        return 0
    names = topics(config)
    told: dict[str, bytes] = {}
    client = SyncClient(settings)
    try:
        if not client.connect(wanted):
            return 0
        client.subscribe([names.availability, names.latest])
        for message in client.messages(QUIET_SECONDS):
            told[message.topic] = message.payload
            if len(told) == 2:  # both
                break
    except EdgeError:  # what listens there does not answer
        return 0
    finally:
        client.stop()
    if told.get(names.availability) != b"online":
        return 0
    if ours and names.latest not in told:  # no window yet, a long pause, or MQTT 3.1.1, where none is retained
        return BY_NAME
    return SURE if not ours or epoch_in(told[names.latest]) == own_epoch(config) else 0


def _listens(url: BrokerUrl) -> bool:
    with socket.socket() as probe:
        probe.settimeout(ANSWER_SECONDS)
        return probe.connect_ex((url.host, url.port)) == 0
