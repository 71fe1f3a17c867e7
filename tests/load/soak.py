"""Eight hours of windows in a few minutes: what the daemon does all day, with a clock that is wound forward by hand.

python -m tests.load.soak                  eight hours, one frame and one window a second
python -m tests.load.soak --hours 0.2

Real models, outbox, publisher and Mosquitto. Prints memory, file descriptors and threads as time goes by; exit status 1
when memory grew by 5 MiB or more after the first tenth, or the number of descriptors or threads changed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from edge.bench.measure import FootageClock
from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.contract.payloads import State
from edge.contract.timestamps import format_timestamp
from edge.daemon import metrics, telemetry
from edge.daemon.mqtt_service import MqttService
from edge.daemon.pipeline import Pipeline
from edge.hardware.board import Readings
from edge.timing.clock import Timestamps
from edge.vision.model_set import ModelChoice, ModelSet
from tests.support.brokers import can_connect, free_port, wait_for

ALLOWED_MIB = 5.0
BACKLOG = 50  # windows under way; a real day has one at a time


def soak(hours: float, port: int, folder: Path) -> list[tuple[float, int, int]]:
    """Run so many hours; returns megabytes, descriptors and threads at each tenth."""
    config = Config.model_validate(
        {
            "mqtt": {"broker": f"mqtt://127.0.0.1:{port}"}, "window": {"seconds": 1}, "vision": {"detect_width": 640},
            "outbox": {"path": str(folder / "outbox.sqlite")}, "privacy": {"min_faces": 1},
        }
    )  # fmt: skip
    clock = FootageClock()
    models = ModelSet.load(ModelChoice.of(config))
    meter = metrics.Meter(0.0)
    link = MqttService(config, lambda _window: None)
    state = State(mode="running", reason="started", since=format_timestamp(clock.utc()))
    link.start(telemetry.info(config, "sample", models, None), state)
    observer = Pipeline(config, models, meter, Timestamps(clock), 0.0)
    chance = np.random.default_rng(1)
    figures: list[tuple[float, int, int]] = []
    seconds = round(hours * 3600)
    for second in range(1, seconds + 1):
        clock.now = second
        # Noise keeps the detector busy with nothing to find; the label counts come from an empty room.
        frame = Frame(chance.integers(0, 256, (360, 640, 3), np.uint8), second - 0.5)
        for window in observer.observe(frame) + observer.due(clock.now):
            link.publish_window(window)
        if second % 30 == 0:
            link.publish_health(telemetry.health(meter, Readings(), clock.now, clock.utc(), link.depth))
            link.check()
        while link.depth > BACKLOG:
            time.sleep(0.001)
        if second % max(1, seconds // 10) == 0:
            wait_for(lambda: link.depth == 0, 60)
            descriptors = len(list(Path("/proc/self/fd").iterdir()))
            figures.append((metrics.rss_megabytes() or 0.0, descriptors, threading.active_count()))
            megabytes, _, threads = figures[-1]
            hour = f"{second / 3600:5.2f} h"
            print(f"{hour}: {megabytes:.1f} MiB, {descriptors} descriptors, {threads} threads", flush=True)
    link.stop()
    return figures


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=8.0, help="default: %(default)s")
    hours = parser.parse_args().hours
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="edge-soak-") as folder:
        config = Path(folder, "mosquitto.conf")
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        broker = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: can_connect(port), 10)
            figures = soak(hours, port, Path(folder))
        finally:
            broker.kill()
            broker.wait()
    grown = figures[-1][0] - figures[0][0]
    same = len({(descriptors, threads) for _, descriptors, threads in figures}) == 1
    print(f"memory grew by {grown:.1f} MiB; descriptors and threads {'stayed the same' if same else 'CHANGED'}")
    return 0 if grown < ALLOWED_MIB and same else 1


if __name__ == "__main__":
    sys.exit(main())
