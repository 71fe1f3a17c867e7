"""Publishes as fast as a socket takes it, without the care of a client.

python -m tests.load.raw_flood HOST PORT USER ATTACK SECONDS [BYTES]

BYTES a second is the pace, headers of the network included: a sender that keeps just below a limit loses no packet to
it, and so sends more than one that does not.

For tests.load.hostile_room, which runs it on a network of its own. Prints how many messages were sent.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tests.load.fleet.plugin_broker import client_id
from tests.load.fleet.school import PASSWORD

PACE = 31_500  # bytes a second, just within what docs/mosquitto/limits.nft lets through
AT_ONCE, BYTES_AT_ONCE = 50, 10_000  # messages of one call, or fewer that are long
AT_MOST = 0.1  # seconds that are made up for after a delay: more at once, and the network drops it
SEGMENT, HEADERS = 1440, 52  # bytes of one packet of the network, and of what stands before them
CONNECT, PUBLISH_1 = b"\x10", b"\x32"
KEEPALIVE = (600).to_bytes(2, "big")


def main(
    make: Callable[[int], tuple[str, bytes]], host: str, port: int, user: str, seconds: float, pace: float = math.inf
) -> int:
    """Flood the broker for so long, with so many bytes a second; returns how many messages it was sent."""
    with connect(host, port, user) as wire:
        if pace < math.inf:  # a small buffer, so that what is sent leaves at that pace
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_forget_answers, args=(wire,), daemon=True).start()
        messages, sent, due = _messages(make, user), 0, time.monotonic()
        until = due + seconds
        while time.monotonic() < until:
            batch = list(_batch(messages))
            wanted = b"".join(batch)
            time.sleep(max(0.0, due - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                wire.sendall(wanted)
                sent += len(batch)
            due = max(due, time.monotonic() - AT_MOST) + (len(wanted) + HEADERS * -(-len(wanted) // SEGMENT)) / pace
        wire.shutdown(socket.SHUT_RDWR)
    return sent


def connect(host: str, port: int, user: str, properties: bytes = b"") -> socket.socket:
    """A connection in MQTT 5, with these properties, that is accepted. Raises SystemExit where it is not."""
    wire = socket.create_connection((host, port), timeout=30)
    name = b"\0\4MQTT\5" + bytes((0b11000010,)) + KEEPALIVE + bytes((len(properties),)) + properties
    wire.sendall(packet(CONNECT, name + text(client_id(user)) + text(user) + text(PASSWORD)))
    if wire.recv(100)[:1] != b"\x20":
        raise SystemExit("the broker did not take us")
    return wire


def _messages(make: Callable[[int], tuple[str, bytes]], user: str) -> Iterator[bytes]:
    for number in itertools.count(1):
        kind, payload = make(number)
        identifier = (number % 65535 + 1).to_bytes(2, "big")
        yield packet(PUBLISH_1, text(f"classroom/{user}/{kind}") + identifier + b"\0" + payload)


def _batch(messages: Iterator[bytes]) -> Iterator[bytes]:
    """What one call sends: how many got through is counted by these."""
    size = 0
    for each in itertools.islice(messages, AT_ONCE):
        yield each
        size += len(each)
        if size >= BYTES_AT_ONCE:
            return


def packet(kind: bytes, body: bytes) -> bytes:
    """One of MQTT: `kind` is its first byte."""
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | 128 if rest else low)
        if not rest:
            return kind + bytes(length) + body


def text(words: str) -> bytes:
    """As MQTT has it, behind its length."""
    return len(words.encode()).to_bytes(2, "big") + words.encode()


def _forget_answers(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while wire.recv(65536):
            pass


if __name__ == "__main__":
    from tests.load.hostile_room import ATTACKS

    _, host, port, user, attack, seconds, *pace = sys.argv
    print(main(ATTACKS[attack], host, int(port), user, float(seconds), *map(float, pace)))
