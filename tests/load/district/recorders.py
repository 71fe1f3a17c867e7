"""The recorders of a run: `edge record`, as anybody would start it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EdgeError
from tests.load.fleet.figures import Process

START_SECONDS = 60.0


class RecorderProcess:
    """One `edge record`, which may be killed and started again; its log goes on.

    Args:
        name: For its log.
        folder: Where that is.
        arguments: Of `edge record`.
    """

    def __init__(self, name: str, folder: Path, arguments: Sequence[str]) -> None:
        self._log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "edge", "record", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it has subscribed. Raises EdgeError."""
        before = len(self._text())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while "connected to broker" not in self._text()[before:]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EdgeError(f"{' '.join(self._command)} does not start: {self._text()[-500:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As the machine's memory killer does it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Tell it to end."""
        self._end(signal.SIGTERM)

    def look(self) -> Process:
        """What it has used."""
        assert self._process is not None
        return Process.look(self._process.pid)

    def warnings(self) -> list[str]:
        """What it has complained of."""
        return [line for line in self._text().splitlines() if " WARNING " in line or " ERROR " in line]

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def _text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""
