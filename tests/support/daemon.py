"""A daemon process on the sample room, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

Edge = Callable[..., "subprocess.Popen[str]"]

_SEEN = """
import runpy
from edge.hardware import private_memory
private_memory.forbid_dumps = lambda: None
runpy.run_module("edge", run_name="__main__", alter_sys=True)
"""
PROGRAM = ["-c", _SEEN] if os.getuid() else ["-m", "edge"]
"""What Python is to run. The program lets only root look into it, under /proc or with strace: for others it begins
without that, and is the same otherwise."""


def run_sample(edge: Edge, port: int, *more: str) -> subprocess.Popen[str]:
    """Two frames a second: more of them only keep the processor from other tests."""
    settings = (
        f"mqtt.broker=mqtt://127.0.0.1:{port}",
        "camera.source=sample:25",
        "vision.fps=2",
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
