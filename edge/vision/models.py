"""The two models of a configuration, loaded together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.vision.emotions import EmotionClassifier
from edge.vision.faces import FaceDetector

if TYPE_CHECKING:
    from edge.config import Vision


class Models:
    """Detector and classifier.

    Args:
        vision: Which, and with how many threads.
    """

    def __init__(self, vision: Vision) -> None:
        self.detector = FaceDetector(vision.detect_width, vision.threads)
        self.classifier = EmotionClassifier(vision.emotions_model, vision.emotions_output, vision.threads)

    def start(self) -> None:
        """Load both. Raises ModelError."""
        self.detector.start()
        self.classifier.start()

    def forget(self) -> None:
        """Keep nothing of the last frame."""
        self.detector.forget()
        self.classifier.forget()
