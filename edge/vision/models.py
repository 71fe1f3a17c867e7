"""The two models of a configuration, loaded together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.prevalence import Estimator
from edge.vision.calibration import find_calibration
from edge.vision.cards import emotion_card_path
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
        self._vision = vision
        self.estimator: Estimator | None = None
        self.calibration = ""
        """Where estimated shares come from, or why there are none."""
        self.detector = FaceDetector(vision.detect_width, vision.threads)
        self.classifier = EmotionClassifier(vision.emotions_model, vision.emotions_output, vision.threads)

    def start(self) -> None:
        """Load both. Raises ModelError."""
        self.detector.start()
        self.classifier.start()
        path, output = emotion_card_path(self._vision.emotions_model), self._vision.emotions_output
        found, self.calibration = find_calibration(path, self.classifier.card, output)
        self.estimator = Estimator(found) if found else None

    def forget(self) -> None:
        """Keep nothing of the last frame."""
        self.detector.forget()
        self.classifier.forget()
