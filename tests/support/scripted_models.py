"""A detector and a classifier that see what a frame says."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.vision.face_detector import Detections


@dataclass
class Room:
    """A detector and a classifier that remember what they were shown; the frame itself says who is in it."""

    labels: tuple[str, ...] = ("happy", "sad")
    searched: list[int] = field(default_factory=list)
    named: list[tuple[int, int]] = field(default_factory=list)
    seconds: float = 0.0
    busy: threading.Lock = field(default_factory=threading.Lock)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        assert self.busy.acquire(blocking=False), "an interpreter does one thing at a time"
        time.sleep(self.seconds)
        self.busy.release()
        self.searched.append(int(image[0, 0, 0]))
        boxes = np.array([[60 * seat, 20, 40, 40] for seat in range(12) if image[1, seat, 0]], np.float32)
        return Detections(boxes.reshape(-1, 4), np.ones(len(boxes), np.float32))

    def classify(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: object = None
    ) -> NDArray[np.float32]:
        self.named += [(int(image[0, 0, 0]), round(x / 60)) for x in boxes[:, 0].tolist()]
        return np.tile(np.array([0.9, 0.1], np.float32), (len(boxes), 1))
