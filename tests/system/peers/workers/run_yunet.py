"""OpenCV's own FaceDetectorYN with the float weights that ours were made from; faces only: run_yunet.py WEIGHTS."""

from __future__ import annotations

import sys
from typing import Any

import cv2
from loop import serve


def main() -> None:
    """Serve."""
    detector = cv2.FaceDetectorYN.create(sys.argv[1], "", (1280, 720), 0.6, 0.3, 5000)

    def find(image: Any) -> list[list[float]]:
        detector.setInputSize((image.shape[1], image.shape[0]))
        _, faces = detector.detect(image)
        return [] if faces is None else [[*map(float, face[:4]), float(face[14])] for face in faces]

    serve(find)


if __name__ == "__main__":
    main()
