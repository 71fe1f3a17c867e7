"""Is `vision.cpu_budget` kept, and what do two processors gain? By hand: python -m tests.load.cpu_budget

Starts the daemon on the sample room under one budget after the other, and reads what it used from the kernel and what
it reached from `health`; then analyses the same frames in turn and overlapping.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

from edge.bench.footage import SceneFootage
from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.daemon.metrics import Meter
from edge.daemon.pipeline import Pipeline
from edge.timing.clock import SystemClock, Timestamps
from edge.vision.model_set import ModelChoice, ModelSet
from edge.vision.rate_controller import SAMPLES
from tests.support.brokers import Subscriber, can_connect, free_port, wait_for

BUDGETS = (1.0, 0.15, 0.1, 0.07, 0.05)
SETTLE = 25.0  # seconds
MEASURE = 15.0
FPS = 10
ROUNDS = 4
FRAMES = 60
STAGES = ("detect", "follow", "classify")


def main() -> int:
    """Measure and print; nothing is judged, for machines differ."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.cpu_budget", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--faces", type=int, default=50, help="in the sample room (default: 50)")
    args = parser.parse_args()
    processors = len(os.sched_getaffinity(0))
    print(f"{args.faces} faces, 1280x720, {FPS} frames a second wanted, {processors} processors")
    print("budget   may use   uses   frames/s   ms to detect, follow, classify (median)")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        broker = subprocess.Popen(["mosquitto", "-p", str(port)], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: can_connect(port), 10)
            for budget in BUDGETS:
                used, health = _run(port, budget, args.faces, Path(folder))
                stages = ", ".join(
                    f"{health['stages_ms'].get(name, 0):.1f}" for name in ("detect", "follow", "classify")
                )
                print(
                    f"{budget:6g} {budget * processors:9.2f} {used:6.2f} {health['fps']:10.1f}   {stages}", flush=True
                )
        finally:
            broker.terminate()
            broker.wait()
    print("as fast as it goes: frames/s in turn, overlapping, ratio")
    for in_turn, beside in _overlap(args.faces):
        print(f"{in_turn:31.1f} {beside:12.1f} {beside / in_turn:6.2f}")
    return 0


def _run(port: int, budget: float, faces: int, folder: Path) -> tuple[float, dict[str, dict[str, float]]]:
    """Processors used under a budget, and the last `health`."""
    name = f"budget-{budget:g}"
    settings = (
        f"device.name={name}", f"camera.source=sample:{faces}", f"vision.fps={FPS}", f"vision.cpu_budget={budget}",
        "health.seconds=5", "window.seconds=5", f"mqtt.broker=mqtt://127.0.0.1:{port}",
        f"outbox.path={folder}/{name}.sqlite",
    )  # fmt: skip
    subscriber = Subscriber(port, f"classroom/{name}/health")
    options = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "edge", "run", "--quiet", *options]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE)
        before, since = _processor_seconds(daemon.pid), time.monotonic()
        time.sleep(MEASURE)
        used = (_processor_seconds(daemon.pid) - before) / (time.monotonic() - since)
    finally:
        daemon.terminate()
        code = daemon.wait()
        subscriber.stop()
    if code or not subscriber.messages:
        raise SystemExit(f"the daemon ended with {code}; try: {' '.join(command)}")
    health: dict[str, dict[str, float]] = subscriber.messages[-1].json()
    return used, health


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _overlap(faces: int) -> list[tuple[float, float]]:
    cv2.setNumThreads(1)
    footage, config = SceneFootage(faces, (1280, 720)), Config()
    images = [footage.next()[0].copy() for _ in range(FPS)]
    models = ModelSet.load(ModelChoice.of(config))

    executor = ThreadPoolExecutor(1, "detect")

    def fps(*, late: bool) -> float:
        observer = Pipeline(config, models, Meter(0.0), Timestamps(SystemClock()), 0.0, executor)
        for index in range(SAMPLES + FRAMES):
            if index == SAMPLES:  # before that nothing overlaps
                began = time.perf_counter()
            observer.observe(Frame(images[index % FPS], index / FPS), late=late)
        observer.finish((SAMPLES + FRAMES) / FPS)
        return FRAMES / (time.perf_counter() - began)

    fps(late=False)
    return [(fps(late=False), fps(late=True)) for _ in range(ROUNDS)]


if __name__ == "__main__":
    sys.exit(main())
