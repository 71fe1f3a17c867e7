"""A broker with limits and forbidden topics: tells them as MQTT says, and hangs up on whoever does not obey."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from edge.mqtt.reason_codes import Reason
from tests.support.listener import Listener

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14
MQTT5 = 5


@dataclass(frozen=True)
class Rules:
    """What the broker takes, and how it treats the rest.

    Attributes:
        receive_maximum: QoS 1 messages in flight.
        packet_bytes: Of the largest packet.
        qos: The highest one.
        retain: Whether it keeps retained messages.
        wildcards: Whether it takes subscriptions with them.
        keep_alive: Seconds that it prescribes; it hangs up after one and a half times that.
        forbidden: Topics that begin like that may be neither published nor subscribed to.
        manner: What follows then: a reason code, a DISCONNECT with one, a plain end, or nothing.
        ack_delay: Seconds.
        level: The only protocol level that it speaks; it closes others. 0: any.
    """

    receive_maximum: int = 65535
    packet_bytes: int | None = None
    qos: int = 1
    retain: bool = True
    wildcards: bool = True
    keep_alive: int | None = None
    forbidden: tuple[str, ...] = ()
    manner: Literal["ack", "disconnect", "close", "silent"] = "ack"
    ack_delay: float = 0.0
    level: int = 0


class Published(NamedTuple):
    """A message that came."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class _EndError(Exception):
    """The connection ends; with a reason code under MQTT 5, unless that is 0."""


@dataclass
class _Client:
    line: socket.socket
    buffer: bytes = b""
    level: int = 0
    acks: deque[tuple[float, int, int]] = field(default_factory=deque)  # when due, message id, reason code
    open_: set[int] = field(default_factory=set)


class StrictBroker(Listener):
    """Serves clients, forwards nothing to others; a context manager.

    Args:
        rules: What it takes; may be replaced at any time.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.published: list[Published] = []
        """What it took."""
        self.offered: list[str] = []
        """Forbidden topics that were published to all the same."""
        self.filters: list[str] = []
        """What it let subscribe to."""
        self.levels: list[int] = []
        """Of all CONNECTs."""
        self.ends: list[int] = []
        """Reason codes with which it hung up, 0: without."""
        self.most_in_flight = 0
        super().__init__()

    def push(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Send a message of QoS 0 to the client that came last."""
        body = struct.pack(">H", len(topic)) + topic.encode() + (b"\x00" if self.levels[-1] == MQTT5 else b"") + payload
        self.lines[-1].sendall(bytes([0x30 | retained, len(body)]) + body)

    def named(self, name: str) -> list[Published]:
        """What it took on topics that end so."""
        return [message for message in list(self.published) if message.topic.endswith(name)]

    def serve(self, line: socket.socket) -> None:
        client = _Client(line)
        with contextlib.suppress(OSError), client.line:
            try:
                heard = time.monotonic()
                while True:
                    now = time.monotonic()
                    wait = max(0.0, client.acks[0][0] - now) if client.acks else 0.5
                    if select.select([client.line], [], [], wait)[0]:
                        data = client.line.recv(65536)
                        if not data:
                            return
                        heard = time.monotonic()
                        client.buffer += data
                        self._read(client)
                    self._time(client, heard)
            except _EndError as end:
                (reason,) = end.args
                self.ends.append(reason)
                if client.level == MQTT5 and reason:
                    client.line.sendall(bytes([0xE0, 2, reason, 0]))

    def _time(self, client: _Client, heard: float) -> None:
        if self.rules.keep_alive and time.monotonic() - heard > 1.5 * self.rules.keep_alive:
            raise _EndError(0x8D)
        while client.acks and client.acks[0][0] <= time.monotonic():
            _, mid, reason = client.acks.popleft()
            client.open_.discard(mid)
            body = struct.pack(">H", mid) + (bytes([reason, 0]) if reason and client.level == MQTT5 else b"")
            client.line.sendall(bytes([0x40, len(body)]) + body)

    def _read(self, client: _Client) -> None:
        while len(client.buffer) > 1:
            length, begin = _number(client.buffer, 1)
            if begin == 0 or len(client.buffer) < begin + length:
                return
            packet, client.buffer = client.buffer[: begin + length], client.buffer[begin + length :]
            self._handle(client, packet[0], packet[begin:], len(packet))

    def _handle(self, client: _Client, first: int, body: bytes, size: int) -> None:
        kind = first >> 4
        if kind == CONNECT:
            self._connect(client, body)
        elif kind == PUBLISH:
            self._publish(client, first, body, size)
        elif kind == SUBSCRIBE:
            self._subscribe(client, body)
        elif kind == PINGREQ:
            client.line.sendall(b"\xd0\x00")
        elif kind == DISCONNECT:
            raise _EndError(0)

    def _connect(self, client: _Client, body: bytes) -> None:
        rules, flags = self.rules, body[7]
        client.level = body[6]
        self.levels.append(client.level)
        if rules.level and client.level != rules.level:
            raise _EndError(0)
        if client.level != MQTT5:
            client.line.sendall(b"\x20\x02\x00\x00")
            return
        if flags & 0x20 and not rules.retain:
            client.line.sendall(bytes([0x20, 3, 0, Reason.RETAIN_NOT_SUPPORTED, 0]))
            return
        if (flags >> 3) & 3 > rules.qos:
            client.line.sendall(bytes([0x20, 3, 0, Reason.QOS_NOT_SUPPORTED, 0]))
            return
        told = b"" if rules.receive_maximum == 65535 else b"\x21" + struct.pack(">H", rules.receive_maximum)
        told += b"" if rules.packet_bytes is None else b"\x27" + struct.pack(">I", rules.packet_bytes)
        told += b"" if rules.keep_alive is None else b"\x13" + struct.pack(">H", rules.keep_alive)
        told += b"" if rules.qos else b"\x24\x00"
        told += b"" if rules.retain else b"\x25\x00"
        told += b"" if rules.wildcards else b"\x28\x00"
        client.line.sendall(bytes([0x20, 3 + len(told), 0, 0, len(told)]) + told)

    def _publish(self, client: _Client, first: int, body: bytes, size: int) -> None:
        rules, qos = self.rules, (first >> 1) & 3
        length = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        mid = struct.unpack(">H", rest[:2])[0] if qos else 0
        rest = rest[2:] if qos else rest
        if client.level == MQTT5:
            skip, begin = _number(rest, 0)
            rest = rest[begin + skip :]
            for wrong, reason in (
                (rules.packet_bytes is not None and size > rules.packet_bytes, Reason.PACKET_TOO_LARGE),
                (qos > rules.qos, Reason.QOS_NOT_SUPPORTED),
                (first & 1 and not rules.retain, Reason.RETAIN_NOT_SUPPORTED),
                (qos and len(client.open_ | {mid}) > rules.receive_maximum, 0x93),
            ):
                if wrong:
                    raise _EndError(reason)
        if qos:
            client.open_.add(mid)
            self.most_in_flight = max(self.most_in_flight, len(client.open_))
        forbidden = topic.startswith(rules.forbidden) if rules.forbidden else False
        if forbidden:
            self.offered.append(topic)
            self._hang_up()
        else:
            self.published.append(Published(topic, rest, qos, bool(first & 1)))
        if qos and not (forbidden and rules.manner == "silent"):
            reason = Reason.NOT_AUTHORIZED if forbidden else 0
            client.acks.append((time.monotonic() + rules.ack_delay, mid, reason))

    def _subscribe(self, client: _Client, body: bytes) -> None:
        mid, rest = body[:2], body[2:]
        if client.level == MQTT5:
            skip, begin = _number(rest, 0)
            rest = rest[begin + skip :]
        wanted = rest[2 : 2 + struct.unpack(">H", rest[:2])[0]].decode()
        code = min(self.rules.qos, 1)
        if client.level == MQTT5 and "+" in wanted and not self.rules.wildcards:
            raise _EndError(Reason.WILDCARD_SUBSCRIPTION_NOT_SUPPORTED)
        if self.rules.forbidden and wanted.startswith(self.rules.forbidden):
            self._hang_up()
            code = Reason.NOT_AUTHORIZED
        else:
            self.filters.append(wanted)
        reply = mid + (b"\x00" if client.level == MQTT5 else b"") + bytes([code])
        client.line.sendall(bytes([0x90, len(reply)]) + reply)

    def _hang_up(self) -> None:
        if self.rules.manner == "disconnect":
            raise _EndError(Reason.NOT_AUTHORIZED)
        if self.rules.manner == "close":
            raise _EndError(0)


def _number(data: bytes, begin: int) -> tuple[int, int]:
    """MQTT's variable byte integer, and where it ends; 0 when it is not all there."""
    value = shift = 0
    for index in range(begin, min(begin + 4, len(data))):
        value |= (data[index] & 0x7F) << shift
        shift += 7
        if data[index] < 0x80:
            return value, index + 1
    return 0, 0
