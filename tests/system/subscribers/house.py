"""What every check needs: a broker, real daemons, a list of what was seen."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt import publish as paho

from tests.support.brokers import can_connect, free_port
from tests.support.paths import ROOT

FILES = ROOT / "docs/subscribers"
PACKAGES = Path(os.environ.get("EDGE_PACKAGES") or Path.home() / ".cache/edge-tests/system/subscribers")
PICTURES = ROOT / "build/subscribers"
BEGAN = time.monotonic()

logging.getLogger("paho").addHandler(logging.NullHandler())  # it calls the end of a connection an error


class CheckError(Exception):
    """The check has failed; says what was seen instead."""


def step(text: str) -> None:
    """Say what was seen."""
    print(f"[{time.monotonic() - BEGAN:3.0f} s] {text}", flush=True)


def wait_until(
    condition: Callable[[], bool], seconds: float, what: str, meanwhile: Callable[[], object] | None = None
) -> None:
    """Wait; raises CheckError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise CheckError(f"waited {seconds:g} s for {what}")
        if meanwhile is None:
            time.sleep(0.1)
        else:
            meanwhile()


@contextmanager
def program(command: list[str | Path], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process until the end of the block; what it says goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **environment}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A Mosquitto; gives its port."""
    port = free_port()
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false"]
    (folder / "mosquitto.conf").write_text("\n".join([*lines, *(["user root"] if os.geteuid() == 0 else [])]) + "\n")
    found = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or "mosquitto"
    with program([found, "-c", folder / "mosquitto.conf"], folder / "mosquitto.log"):
        wait_until(lambda: can_connect(port), 10, "mosquitto")
        yield port


@contextmanager
def daemon(folder: Path, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real daemon with 25 drawn people in the room."""
    settings = (
        f"mqtt.broker=mqtt://127.0.0.1:{port}", "camera.source=sample:25", "vision.fps=3", "window.seconds=2",
        "health.seconds=3", *more,
    )  # fmt: skip
    command = [sys.executable, "-m", "edge", "run", *(word for setting in settings for word in ("--set", setting))]
    with program(list(command), folder / "daemon.log", XDG_STATE_HOME=str(folder)) as process:
        yield process


def send(port: int, topic: str, payload: bytes, *, retain: bool = False) -> None:
    """Publish something in a room's place."""
    paho.single(topic, payload, qos=1, retain=retain, port=port)
