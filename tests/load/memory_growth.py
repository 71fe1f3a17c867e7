"""Does the analysis keep anything? Resident memory over 60,000 frames. By hand: python -m tests.load.memory_growth"""

from __future__ import annotations

import sys

import cv2

from edge.bench.footage import SceneFootage
from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.daemon.metrics import Meter, rss_megabytes
from edge.daemon.pipeline import Pipeline
from edge.timing.clock import SystemClock, Timestamps
from edge.vision.model_set import ModelChoice, ModelSet

FACES = 10
FPS = 10
FRAMES = 60_000
EVERY = 5_000
ENOUGH = 1.0  # MiB that may be added after the first tenth


def main() -> int:
    """Print the memory every so often; 1 when it grew."""
    cv2.setNumThreads(1)
    footage = SceneFootage(FACES, (640, 360))
    images = [footage.next()[0].copy() for _ in range(FPS)]
    config = Config.model_validate({"vision": {"detect_width": 640, "fps": FPS}})
    models, meter = ModelSet.load(ModelChoice.of(config)), Meter(0.0)
    observer = Pipeline(config, models, meter, Timestamps(SystemClock()), 0.0)
    seen: list[float] = []
    for index in range(1, FRAMES + 1):
        observer.observe(Frame(images[index % FPS], index / FPS))
        if index % (30 * FPS) == 0:
            meter.read(index / FPS)  # as for every `health`
        if index % EVERY == 0:
            seen.append(rss_megabytes() or 0.0)
            print(f"{index:6} frames: {seen[-1]:.2f} MiB", flush=True)
    return int(seen[-1] - seen[1] > ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
