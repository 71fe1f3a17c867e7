"""What systemd hears of a service."""

from __future__ import annotations

import socket


class Supervisor:
    """The other end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(1)

    def heard(self) -> list[str]:
        """Everything that was sent until now."""
        messages = []
        self._socket.setblocking(False)
        while True:
            try:
                messages.append(self._socket.recv(8192).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        """Go away."""
        self._socket.close()
