"""A durable subscriber in a process of its own: every window, and when it came."""

from __future__ import annotations

import contextlib
import json
import logging
import select
import signal
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection as Pipe

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.mqtt.client_factory import BrokerSettings
from tests.load.fleet.plain_client import plain_client

SESSION_SECONDS = 3600
AGAIN = 0.2  # seconds between two attempts to connect
TICK = 0.2


@dataclass(frozen=True)
class Receipt:
    """A window as it came; both times are Unix seconds of this machine."""

    device: str
    epoch: str
    seq: int
    replayed: bool
    ended: float
    received: float


@dataclass(frozen=True)
class Heard:
    """How the recorder is doing."""

    connected: bool
    messages: int


@dataclass
class _Tape:
    subscribed: bool = False
    receipts: list[Receipt] = field(default_factory=list)
    unacknowledged: list[tuple[int, int]] = field(default_factory=list)


def record(settings: BrokerSettings, topic: str, pipe: Pipe) -> None:
    """Record until the parent says `stop`, or is gone; answers `look` with a Heard, `stop` with all receipts.

    Reads whatever has come before it writes an acknowledgement. A broker that was killed cannot take one any more: a
    client that notices so at once would throw away what is still to be read, and nobody would send that again.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.ERROR)
    tape = _Tape()
    client = _client(settings, topic, tape)
    try_at = 0.0
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            if client.socket() is None and time.monotonic() >= try_at:
                try_at = time.monotonic() + AGAIN
                tape.subscribed = False
                tape.unacknowledged.clear()
                with contextlib.suppress(OSError):
                    client.reconnect()
            line = client.socket()
            lines = [line.fileno()] if isinstance(line, socket.socket) else []
            select.select([pipe.fileno(), *lines], lines if client.want_write() else [], [], TICK)
            _read_all(client)
            for mid, qos in tape.unacknowledged:
                client.ack(mid, qos)
            tape.unacknowledged.clear()
            if client.want_write():
                client.loop_write()
            client.loop_misc()
            if pipe.poll() and _answer(pipe, tape):
                break
    client.disconnect()


def _answer(pipe: Pipe, tape: _Tape) -> bool:
    """Whether that was the end."""
    if pipe.recv() == "stop":
        pipe.send(tape.receipts)
        return True
    pipe.send(Heard(tape.subscribed, len(tape.receipts)))
    return False


def _client(settings: BrokerSettings, topic: str, tape: _Tape) -> paho.Client:
    client = plain_client(settings)
    client.manual_ack_set(True)

    def remember(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        now = time.time()
        window = json.loads(message.payload)
        ended = datetime.fromisoformat(window["window"]["end"].replace("Z", "+00:00")).timestamp()
        tape.receipts.append(
            Receipt(window["device"], window["epoch"], window["seq"], window["replayed"], ended, now)
        )  # fmt: skip
        tape.unacknowledged.append((message.mid, message.qos))

    def subscribed(*_: object) -> None:
        tape.subscribed = True

    client.on_message = remember
    client.on_connect = lambda client, *_: client.subscribe(topic, 1)
    client.on_subscribe = subscribed
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_SECONDS
    client.connect_async(settings.url.host, settings.url.port, clean_start=False, properties=properties)
    return client


def _read_all(client: paho.Client) -> None:
    while isinstance(line := client.socket(), socket.socket):
        more = isinstance(line, ssl.SSLSocket) and line.pending()
        if not more and not select.select([line], [], [], 0)[0]:
            return
        client.loop_read()
