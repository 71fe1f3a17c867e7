"""A listener that answers CONNECT as a test wants, in each protocol: an old broker, one that refuses, or none."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping

from tests.support.listener import Listener

LEVEL_5, LEVEL_311 = 5, 4
ACCEPT_5, ACCEPT_311 = b"\x20\x03\x00\x00\x00", b"\x20\x02\x00\x00"
UNSUPPORTED_311 = b"\x20\x02\x00\x01"  # what a broker of MQTT 3.1.1 says to a CONNECT of MQTT 5
CLOSE, MUTE = b"", None
SUBSCRIBE = 8


def refuse_5(reason: int) -> bytes:
    """CONNACK of MQTT 5 with a reason code."""
    return bytes([0x20, 3, 0, reason, 0])


class ScriptedBroker(Listener):
    """Answers CONNECT and SUBSCRIBE and nothing else.

    Args:
        answers: What to answer, by protocol level: a CONNACK, `CLOSE` or `MUTE`.
        suback: The reason code of every SUBACK.
        port: Where a real broker listens, to whom everything is passed on that is not in `answers`.
    """

    def __init__(self, answers: Mapping[int, bytes | None], suback: int = 1, port: int | None = None) -> None:
        self._answers = answers
        self._suback = suback
        self._target = port
        self.levels: list[int] = []
        """Protocol levels of the CONNECTs that came."""
        self.received = b""
        """All that came after CONNECT."""
        super().__init__()

    def send(self, packet: bytes) -> None:
        """Send something over the last connection."""
        self.lines[-1].sendall(packet)

    def serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError), line:
            connect = line.recv(4096)
            if not connect:
                return
            level = connect[8]
            self.levels.append(level)
            if level not in self._answers and self._target is not None:
                self._pass_on(line, connect, self._target)
                return
            answer = self._answers[level]
            if answer == CLOSE:
                return
            if answer is not None:
                line.sendall(answer)
            while packet := line.recv(4096):
                self.received += packet
                while packet:  # several may come at once; each is shorter than 128 bytes
                    if packet[0] >> 4 == SUBSCRIBE:
                        properties = b"\x00" if level == LEVEL_5 else b""
                        body = packet[2:4] + properties + bytes([self._suback])
                        line.sendall(bytes([0x90, len(body)]) + body)
                    packet = packet[2 + packet[1] :]

    @staticmethod
    def _pass_on(line: socket.socket, first: bytes, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as far:
            far.sendall(first)
            back = threading.Thread(target=_copy, args=(far, line), daemon=True)
            back.start()
            _copy(line, far)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
