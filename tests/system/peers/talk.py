"""A worker of a peer: a process that answers one request at a time."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from tests.system.peers.catalogue import SkippedError

ANSWER_TIMEOUT = 120.0  # seconds; the first picture pays for loading and compiling
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")


@dataclass(frozen=True)
class Answer:
    """CPU seconds of one picture, and the faces: (n, 5) x, y, width, height, score."""

    seconds: float
    faces: NDArray[np.float64]


class Worker:
    """Starts a process and talks to it.

    Args:
        command: How to start it.
        log: What it prints on stderr goes there.

    Raises:
        SkippedError: It does not start.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                env=os.environ | ONE_THREAD,
            )  # fmt: skip
        self._read()

    def ask(self, path: Path, width: int, height: int) -> Answer:
        """Have it look at a picture of raw BGR bytes. Raises SkippedError."""
        print(json.dumps({"path": str(path), "width": width, "height": height}), file=self._stream(), flush=True)
        answer = self._read()
        return Answer(answer["seconds"], np.array(answer["faces"], float).reshape(-1, 5))

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _stream(self) -> IO[str]:
        if self._process.stdin is None or self._process.poll() is not None:
            raise SkippedError(f"it ended: {self._last_words()}")
        return self._process.stdin

    def _read(self) -> dict[str, float]:
        watchdog = threading.Timer(ANSWER_TIMEOUT, self._process.kill)
        watchdog.start()
        try:
            lines: Iterable[str] = self._process.stdout or ()
            for line in lines:
                if line.startswith("{"):
                    answer: dict[str, float] = json.loads(line)
                    return answer
        finally:
            watchdog.cancel()
        self._process.wait()
        raise SkippedError(f"it ended: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.returncode}"
