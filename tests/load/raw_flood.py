"""Publishes as fast as a socket takes it, without the care of a client.

python -m tests.load.raw_flood HOST PORT USER ATTACK SECONDS

For tests.load.hostile_room, which runs it on a network of its own. Prints how many messages were sent.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tests.load.fleet.plugin_broker import client_id
from tests.load.fleet.school import PASSWORD

AT_ONCE = 50  # messages of one call
CONNECT, PUBLISH_1 = b"\x10", b"\x32"
KEEPALIVE = (600).to_bytes(2, "big")


def main(make: Callable[[int], tuple[str, bytes]], host: str, port: int, user: str, seconds: float) -> int:
    """Flood the broker for so long; returns how many messages it was sent."""
    with socket.create_connection((host, port), timeout=30) as wire:
        name = b"\0\4MQTT\5" + bytes((0b11000010,)) + KEEPALIVE + b"\0"
        wire.sendall(_packet(CONNECT, name + _text(client_id(user)) + _text(user) + _text(PASSWORD)))
        if wire.recv(100)[:1] != b"\x20":
            raise SystemExit("the broker did not take us")
        threading.Thread(target=_forget_answers, args=(wire,), daemon=True).start()
        messages, sent, until = _messages(make, user), 0, time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                wire.sendall(b"".join(itertools.islice(messages, AT_ONCE)))
                sent += AT_ONCE
        wire.shutdown(socket.SHUT_RDWR)
    return sent


def _messages(make: Callable[[int], tuple[str, bytes]], user: str) -> Iterator[bytes]:
    for number in itertools.count(1):
        kind, payload = make(number)
        identifier = (number % 65535 + 1).to_bytes(2, "big")
        yield _packet(PUBLISH_1, _text(f"classroom/{user}/{kind}") + identifier + b"\0" + payload)


def _packet(kind: bytes, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | 128 if rest else low)
        if not rest:
            return kind + bytes(length) + body


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _forget_answers(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while wire.recv(65536):
            pass


if __name__ == "__main__":
    from tests.load.hostile_room import ATTACKS

    _, host, port, user, attack, seconds = sys.argv
    print(main(ATTACKS[attack], host, int(port), user, float(seconds)))
