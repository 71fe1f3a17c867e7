"""Where the embedded broker of a daemon that runs already listens: not always on the port of the configuration."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from edge.config.broker_url import BrokerUrl
from edge.daemon.daemon_lock import Flag, is_held
from edge.daemon.own_epoch import epoch_in, own_epoch
from edge.daemon.paths import client_id, pause_path, topics
from edge.errors import EdgeError
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.embedded_broker import HOST, ports_from
from edge.mqtt.sync_client import SyncClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.config.schema import Config

ANSWER_SECONDS = 3.0  # for a broker to accept us; it is on this machine
QUIET_SECONDS = 0.5  # after which no further retained message is expected


def daemon_runs(config: Config) -> bool:
    """Whether a daemon with the outbox of this configuration runs. Raises ConfigError: there is no place for one."""
    return is_held(pause_path(config), Flag.RUNS)


def running_broker(config: Config, purpose: str) -> BrokerSettings | None:
    """How to reach the embedded broker of the daemon that runs with this configuration.

    Where its port was in use it has taken a later one, as `EmbeddedBroker` does. It is the one where this device is
    online; the newest window tells it from another daemon of that name, as it has the epoch of our outbox. Nobody is
    sent user or password: an embedded broker wants none, and who listens there may be somebody else.

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
    ports = ports_from(config.mqtt.embedded_port)
    urls = [BrokerUrl(HOST, port, tls=False) for port in ports]
    asked = [BrokerSettings(url, client_id(config, purpose)) for url in urls]
    until, enough = time.monotonic() + ANSWER_SECONDS, threading.Event()
    # All at once: what listens there may be no broker, and say nothing.
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = [
            pool.submit(_is_of, config, each, lambda: not enough.is_set() and time.monotonic() < until)
            for each in asked
        ]
        found = next((each for each, answer in zip(asked, answers, strict=True) if answer.result()), None)
        enough.set()
    return found


def _is_of(config: Config, settings: BrokerSettings, wanted: Callable[[], bool]) -> bool:
    if not _listens(settings.url):
        return False
    names = topics(config)
    told: dict[str, bytes] = {}
    client = SyncClient(settings)
    try:
        if not client.connect(wanted):
            return False
        client.subscribe([names.availability, names.latest])
        for message in client.messages(QUIET_SECONDS):
            told[message.topic] = message.payload
            if len(told) == 2:  # both
                break
    except EdgeError:  # what listens there does not answer
        return False
    finally:
        client.stop()
    # No window yet, or MQTT 3.1.1, where none is retained: the name has to do.
    same = names.latest not in told or epoch_in(told[names.latest]) == own_epoch(config)
    return same and told.get(names.availability) == b"online"


def _listens(url: BrokerUrl) -> bool:
    with socket.socket() as probe:
        probe.settimeout(ANSWER_SECONDS)
        return probe.connect_ex((url.host, url.port)) == 0
