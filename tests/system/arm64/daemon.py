"""`edge check` and the daemon, on a photograph, with a Mosquitto; started by check.sh, inside its root file system."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.brokers import Subscriber, can_connect, free_port, wait_for
from tests.system.arm64.picture import PEOPLE, SMILING, photograph

WINDOWS = 3
# Emulated, a frame takes seconds, and so does reading one.
SETTINGS = {
    "camera.loop": "true",
    "camera.open_timeout": "60",
    "camera.read_timeout": "60",
    "privacy.min_faces": "1",
    "vision.detect_width": "640",
    "window.seconds": "5",
}


def main() -> None:
    """Check every part, then count the same five people in some windows, and end in good order."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "frames").mkdir()
        (Path(folder) / "frames/five.jpg").write_bytes(photograph())
        port = free_port()
        broker = subprocess.Popen(["mosquitto", "-p", str(port)], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: can_connect(port), 60, "the broker")
            settings = SETTINGS | {
                "camera.source": f"images:{folder}/frames",
                "mqtt.broker": f"mqtt://127.0.0.1:{port}",
                "outbox.path": f"{folder}/outbox.sqlite",
            }
            options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
            subprocess.run([sys.executable, "-m", "edge", "check", *options], check=True)
            print("  edge check: every part is ok")
            run(options, port)
        finally:
            broker.terminate()
            broker.wait()


def run(options: list[str], port: int) -> None:
    """The daemon, seen by a subscriber."""
    subscriber = Subscriber(port, "classroom/#")
    daemon = subprocess.Popen([sys.executable, "-m", "edge", "run", "--quiet", *options], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: len(subscriber.named("window")) > WINDOWS or daemon.poll() is not None, 240, "windows")
        assert daemon.poll() is None, f"the daemon ended with {daemon.returncode}"
        for message in subscriber.named("window")[1:]:  # the first one has the start in it
            window = message.json()
            print(f"  edge run, window {window['seq']}: {window['frames']} frames, {window['counts']}")
            assert window["frames"] >= 1, window
            assert sum(window["counts"].values()) == window["faces"]["total"], window
            assert abs(window["faces"]["mean"] - PEOPLE) < 0.5, window
            assert window["counts"]["happy"] >= SMILING * window["frames"] * 0.9, window
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, daemon.returncode
        wait_for(lambda: subscriber.named("availability")[-1].payload == b"offline", 20, "offline")
    finally:
        daemon.kill()
        daemon.wait()
        subscriber.stop()


if __name__ == "__main__":
    main()
