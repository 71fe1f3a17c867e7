"""A daemon process on the sample room, and its end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

Edge = Callable[..., "subprocess.Popen[str]"]


def run_sample(edge: Edge, port: int, *more: str) -> subprocess.Popen[str]:
    settings = (
        f"mqtt.broker=mqtt://127.0.0.1:{port}",
        "camera.source=sample:25",
        "window.seconds=2",
        "health.seconds=2",
    )
    return edge("run", *(word for setting in (*settings, *more) for word in ("--set", setting)))


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[float, str, str]:
    """Seconds until it ended, stdout, stderr."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    return time.monotonic() - began, out, err
