"""Reports to systemd: ready, what we do now, and that frames still come. Silent where there is no systemd."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

SEND_SECONDS = 0.5  # systemd may be busy; a daemon does not wait for its own supervisor
MAX_STATUS = 1000  # characters; systemd takes 4096 bytes altogether


class Notifier:
    """Speaks the protocol of sd_notify(3).

    Args:
        address: The socket, as in $NOTIFY_SOCKET; empty: nobody listens.
        watchdog_seconds: After how long without a sign of life we are killed; 0: never.
    """

    def __init__(self, address: str, watchdog_seconds: float = 0.0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._rest = watchdog_seconds / 4  # a sign of life for every frame would only wake systemd
        self._fed: float | None = None
        self._status = ""

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Notifier:
        """What systemd left for us. It is taken away, so that no child (the embedded broker) speaks in our name."""
        address, usec, pid = (environment.pop(k, "") for k in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"))
        ours = usec.isascii() and usec.isdigit() and pid in ("", str(os.getpid()))
        return cls(address, int(usec) / 1e6 if ours else 0.0)

    def ready(self) -> None:
        """Everything is up, or the configuration was read again."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun; no more signs of life are expected."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; the same one again is not sent."""
        line = " ".join(text.split())[:MAX_STATUS]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def progress(self) -> None:
        """A frame was analysed, or there is a reason to analyse none. Never to be called because time went by."""
        now = time.monotonic()
        if self._rest and (self._fed is None or now - self._fed >= self._rest):
            self._fed = now
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(SEND_SECONDS)
            channel.sendto(message.encode(errors="replace"), self._address)
