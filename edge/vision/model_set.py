"""The models of a configuration, loaded together: both, or the detector alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.aggregation.prevalence import Estimator
from edge.model_files.calibration import find_calibration
from edge.model_files.cards import emotion_card_path
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector

if TYPE_CHECKING:
    from edge.config.schema import Config, VisionConfig


class ModelSet:
    """Detector and classifier.

    Args:
        vision: Which, and with how many threads.
        emotions: Whether there is a classifier; without, nothing of the emotion model is ever opened.
    """

    def __init__(self, vision: VisionConfig, *, emotions: bool = True) -> None:
        self._vision = vision
        self.key = (emotions, vision.detect_width, vision.threads, vision.emotions_model, vision.emotions_output)
        """Equal for models that are the same."""
        self.estimator: Estimator | None = None
        self.calibration = "none: faces are only counted (mode: headcount)"
        """Where estimated shares come from, or why there are none."""
        self.detector = FaceDetector(vision.detect_width, vision.threads)
        self.classifier: EmotionClassifier | None = None
        if emotions:
            self.classifier = EmotionClassifier(vision.emotions_model, vision.emotions_output, vision.threads)

    @classmethod
    def of(cls, config: Config) -> ModelSet:
        """What a configuration needs, not yet loaded."""
        return cls(config.vision, emotions=config.mode == "emotions")

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that can be named; empty when faces are only counted."""
        return self.classifier.labels if self.classifier else ()

    def start(self) -> None:
        """Load them. Raises ModelError."""
        self.detector.start()
        if self.classifier is not None:
            self.classifier.start()
            path, output = emotion_card_path(self._vision.emotions_model), self._vision.emotions_output
            found, self.calibration = find_calibration(path, self.classifier.card, output)
            self.estimator = Estimator(found) if found else None

    def reset(self) -> None:
        """Keep nothing of the last frame."""
        self.detector.reset()
        if self.classifier is not None:
            self.classifier.reset()
