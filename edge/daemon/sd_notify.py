"""Reports to whoever supervises us: ready, what we do now, and that frames still come. Silent where nobody does."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from pathlib import Path

SEND_SECONDS = 0.5  # systemd may be busy; a daemon does not wait for its own supervisor
FILE_SECONDS = 2.0  # between signs of life in a file; a container looks at it less often
STARTING_SECONDS = 600  # until the next sign of life before we are ready: a large conversion is written to the disk
MAX_STATUS = 1000  # characters; systemd takes 4096 bytes altogether


class Notifier:
    """Speaks the protocol of sd_notify(3).

    Args:
        address: The socket, as in $NOTIFY_SOCKET; empty: nobody listens.
        watchdog_seconds: After how long without a sign of life we are killed; 0: never.
        progress_file: Holds the time of the last sign of life, for the health check of a container; None: none.
    """

    def __init__(self, address: str, watchdog_seconds: float = 0.0, progress_file: Path | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        # A sign of life for every frame would only wake systemd.
        self._rest = watchdog_seconds / 4 or (FILE_SECONDS if progress_file else 0.0)
        self._progress_file = progress_file
        self._fed: float | None = None
        self._life = f"EXTEND_TIMEOUT_USEC={STARTING_SECONDS}000000"  # the watchdog begins when we are ready
        self._status = ""

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Notifier:
        """What systemd or a container left for us. Taken away, so that no child (the embedded broker) speaks for us."""
        names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "PROGRESS_FILE")
        address, usec, pid, file = (environment.pop(name, "") for name in names)
        ours = usec.isascii() and usec.isdigit() and pid in ("", str(os.getpid()))
        return cls(address, int(usec) / 1e6 if ours else 0.0, Path(file) if file else None)

    def ready(self) -> None:
        """Everything is up, or the configuration was read again."""
        self._life = "WATCHDOG=1"
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
        """Something was done, or there is a reason to do nothing. Never to be called because time went by."""
        now = time.monotonic()
        if self._rest and (self._fed is None or now - self._fed >= self._rest):
            self._fed = now
            self._send(self._life)
            if self._progress_file is not None:
                with contextlib.suppress(OSError):  # then the supervisor misses it, as it should
                    _write_time(self._progress_file, now)

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(SEND_SECONDS)
            channel.sendto(message.encode(errors="replace"), self._address)


def _write_time(file: Path, now: float) -> None:
    """In seconds of `time.monotonic()`, which nobody sets; over the former ones: a reader never finds half of them."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, f"{int(now):020d}".encode())
    finally:
        os.close(descriptor)
