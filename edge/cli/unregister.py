"""`edge unregister`: take this device out of Home Assistant, or every trace of it off the broker."""

from __future__ import annotations

import logging
import queue
import sys
import time
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.daemon.paths import broker_settings, topics
from edge.errors import EXIT_OK, EdgeError, RefusedError
from edge.mqtt.connection import Connection
from edge.mqtt.discovery import config_topic

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from edge.mqtt.client_factory import BrokerSettings

EXAMPLES = """examples:
  edge unregister                                   Home Assistant forgets this device and its entities
  edge unregister --all                             and the broker forgets everything that it keeps of it
  edge unregister --set device.name=room-7          a device that had another name

Stop the daemon first: one that runs announces itself again.
"""

CONNECT_SECONDS = 7.0  # longer than paho takes to give up one attempt
ANSWER_SECONDS = 5.0
SETTLE = 1.0  # seconds without a message after which all retained ones have come


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument(
        "--all", action="store_true", help="also remove availability, info, state, latest, health and alerts"
    )


def main(args: argparse.Namespace) -> int:
    """Remove, look again, and list what was removed."""
    config = read_config(args)
    names = topics(config)
    always = [config_topic(config.homeassistant.prefix, names)]
    look = [*always, names.availability]
    if args.all:
        always += [names.info, names.state, names.latest, names.health, names.availability]
        look = [*always, names.alert("+")]
    broker = _Broker(broker_settings(config, purpose="-unregister"))
    remedy = "is mqtt.broker right, and is it on?"
    if config.mqtt.broker == "embedded":
        remedy = "a broker of our own runs only while the daemon does, and keeps nothing"
    try:
        broker.connect(remedy)
        found = broker.retained(look)
        running = found.get(names.availability) == b"online"
        # Also what we do not see: we may be allowed to write there and not to read.
        doomed = [*always, *sorted(found.keys() - {*always, names.availability})]
        broker.remove(doomed)
        left = broker.retained(look).keys() & set(doomed)
    finally:
        broker.stop()
    removed = [topic for topic in doomed if topic in found and topic not in left]
    for topic in removed:
        print(f"removed {topic}")
    if left:
        remedy = "stop the daemon first, it is running" if running else "may this user write there?"
        raise EdgeError(f"still on the broker: {', '.join(sorted(left))}", remedy)
    if not removed:
        print(f"nothing to remove: the broker shows nothing of {names.prefix}/{names.device} there")
    if broker.problem.text:
        print(f"edge: {broker.problem.text}", file=sys.stderr)
    if running:
        print(f"edge: {names.device} is running and announces itself again: stop it first", file=sys.stderr)
    return EXIT_OK


class _LastProblem(logging.Handler):
    """Keeps the last warning of the connection, which becomes part of one line on the terminal."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


class _Broker:
    """A short visit."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._url = settings.url
        self._messages: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._connection = Connection(
            settings,
            None,
            on_acknowledged=lambda mid, refusal: self._answers.put((mid, refusal)),
            on_message=lambda incoming: self._messages.put((incoming.topic, incoming.payload)),
        )
        self.problem = _LastProblem(logging.WARNING)

    def connect(self, remedy: str) -> None:
        """Connect, or raise EdgeError with this remedy within a few seconds."""
        logging.getLogger("edge").addHandler(self.problem)
        self._connection.start()
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self._connection.wait_connected(0.1):
            self._connection.maintain()
            if self._connection.refused is not None:
                raise self._connection.refused
            if time.monotonic() > deadline:
                known = self.problem.text
                # Some reasons come with a remedy of their own.
                raise EdgeError(known or f"broker {self._url} does not answer", "" if "; " in known else remedy)
        self.problem.text = ""

    def retained(self, filters: Iterable[str]) -> dict[str, bytes]:
        """What the broker keeps there; a running daemon may have sent it just now."""
        self._connection.subscribe(filters)
        found: dict[str, bytes] = {}
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            try:
                topic, payload = self._messages.get(timeout=SETTLE)
            except queue.Empty:
                break
            found[topic] = payload
        return {topic: payload for topic, payload in found.items() if payload}

    def remove(self, names: Iterable[str]) -> None:
        """Have the broker forget topics; raises RefusedError where it says that it will not."""
        sent = {self._connection.publish(name, b"", qos=1, retain=True): name for name in names}
        waiting = set(sent)
        while waiting:
            try:
                mid, refusal = self._answers.get(timeout=ANSWER_SECONDS)
            except queue.Empty:
                raise EdgeError(f"broker {self._url} stopped answering", self.problem.text) from None
            if refusal:
                raise RefusedError(f"broker {self._url} keeps {sent[mid]}: {refusal}", "check its access list")
            waiting.discard(mid)

    def stop(self) -> None:
        """Say goodbye."""
        self._connection.stop()
        logging.getLogger("edge").removeHandler(self.problem)
