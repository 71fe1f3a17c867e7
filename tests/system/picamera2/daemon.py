"""The whole daemon on a camera, seen by a subscriber; started by check.sh, inside its Debian: daemon SOURCE."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.system.picamera2.camera import PEOPLE, UNPLUGGED

PORT = 18830
SETTINGS = {
    "camera.read_timeout": "1",
    "deployment.responsible": "check",
    "deployment.legal_basis": "check",
    "device.name": "camera-check",
    "mqtt.broker": f"mqtt://127.0.0.1:{PORT}",
    "privacy.min_faces": "1",
    "window.seconds": "2",
    "health.seconds": "2",
}


def main(source: str) -> None:
    """Count people, lose the camera where that can be done, find it again, end."""
    received: list[tuple[str, Any]] = []

    def subscribe(client: paho.Client, *_: object) -> None:
        client.subscribe("classroom/camera-check/#", 1)

    with tempfile.TemporaryDirectory() as folder:
        broker = subprocess.Popen(["mosquitto", "-p", str(PORT)], stderr=subprocess.DEVNULL)
        settings = SETTINGS | {"camera.source": source, "outbox.path": f"{folder}/outbox.sqlite"}
        options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_connect = subscribe
        client.on_message = lambda _c, _d, message: received.append(
            (message.topic.rsplit("/", 1)[-1], json.loads(message.payload) if message.payload[:1] == b"{" else None)
        )
        wait(can_connect, 10, "the broker")
        client.connect("127.0.0.1", PORT)
        client.loop_start()
        daemon = subprocess.Popen(["./run", *options])
        try:
            count(received)
            if source == "picamera":
                lose(received)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(10) == 0, daemon.returncode
        finally:
            UNPLUGGED.unlink(missing_ok=True)
            daemon.kill()
            client.loop_stop()
            broker.terminate()
            broker.wait()


def named(received: list[tuple[str, Any]], name: str) -> list[Any]:
    """What came on one topic."""
    return [payload for topic, payload in list(received) if topic == name and payload]


def count(received: list[tuple[str, Any]]) -> None:
    """The people in the pictures are those in the windows."""
    wait(lambda: len(named(received, "window")) >= 3, 30, "windows")
    window = named(received, "window")[2]
    assert abs(window["faces"]["mean"] - PEOPLE) <= 1, window
    assert window["frames"] >= 8, window
    print(f"  {window['frames']} frames, {window['faces']['mean']:.1f} faces of {PEOPLE}: {window['counts']}")


def lose(received: list[tuple[str, Any]]) -> None:
    """A camera that falls silent, and comes back."""

    def state() -> Any:
        return (named(received, "state") or [{"mode": ""}])[-1]

    UNPLUGGED.touch()
    began = time.monotonic()
    wait(lambda: state()["mode"] == "camera_lost", 5, "camera_lost")
    print(f"  unplugged: {state()['reason']} (after {time.monotonic() - began:.1f} s)")
    UNPLUGGED.unlink()
    began, windows = time.monotonic(), len(named(received, "window"))
    wait(lambda: state()["mode"] == "running", 20, "running")
    print(f"  plugged in: running again after {time.monotonic() - began:.1f} s")
    wait(lambda: any(window["frames"] for window in named(received, "window")[windows:]), 20, "a window with frames")


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"no {what} within {seconds:g} s"
        time.sleep(0.1)


def can_connect() -> bool:
    """Whether the broker is up."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", PORT)) == 0


if __name__ == "__main__":
    main(sys.argv[1])
