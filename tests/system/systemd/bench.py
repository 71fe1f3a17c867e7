"""Time per frame, addresses and clock under whatever hardening it is started: prints one JSON object."""

from __future__ import annotations

import ctypes
import json
import socket
import statistics
import time

from edge.config.schema import Config
from edge.sample.camera import SampleCamera
from edge.vision.model_set import ModelChoice, ModelSet

FRAMES = 120
ADDRESSES = ("127.0.0.1", "192.168.77.1", "203.0.113.1")


def reachable(host: str) -> bool:
    """Whether a broker answers there."""
    try:
        socket.create_connection((host, 1883), 0.7).close()
    except OSError:
        return False
    return True


def asks_kernel() -> bool:
    """Whether the kernel says if the clock is set, whatever it says."""
    return bool(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) >= 0)


def sets_clock() -> bool:
    """Whether the clock could be set; it is set to what it is."""
    try:
        time.clock_settime(time.CLOCK_REALTIME, time.time())
    except PermissionError:
        return False
    return True


def main() -> None:
    """Detect and classify the same picture of 25 people again and again."""
    camera = SampleCamera(faces=25)
    camera.start()
    image = camera.read()
    assert image is not None
    models = ModelSet.load(ModelChoice.of(Config()))
    assert models.classifier is not None
    times = []
    for _ in range(FRAMES):
        began = time.perf_counter()
        faces = models.detector.detect(image)
        models.classifier.classify(image, faces.boxes)
        times.append(1000 * (time.perf_counter() - began))
    # The fastest tenth: what else runs on the machine is not in it.
    fastest = statistics.mean(sorted(times)[: FRAMES // 10])
    found = {"faces": len(faces.boxes), "ms": fastest, "reachable": [a for a in ADDRESSES if reachable(a)]}
    print(json.dumps({**found, "asks_kernel": asks_kernel(), "sets_clock": sets_clock()}))


if __name__ == "__main__":
    main()
