"""The models of a configuration, loaded together: both, or the detector alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.aggregation.prevalence import Estimator
from edge.model_files.calibration import find_calibration
from edge.model_files.cards import emotion_card_path
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector

if TYPE_CHECKING:
    from edge.config.schema import Config

HEADCOUNT = "none: faces are only counted (mode: headcount)"


@dataclass(frozen=True)
class ModelChoice:
    """Which models a configuration asks for; equal where the loaded ones can stay.

    Attributes:
        detect_width: Of the face detector.
        threads: CPU threads of each model.
        emotions: The emotion model and which of its outputs is read; None: nothing of it is ever opened.
    """

    detect_width: int
    threads: int
    emotions: tuple[str, str] | None

    @classmethod
    def of(cls, config: Config) -> ModelChoice:
        """What a configuration asks for."""
        vision = config.vision
        emotions = (vision.emotions_model, vision.emotions_output) if "emotions" in config.needed_models else None
        return cls(vision.detect_width, vision.threads, emotions)


@dataclass(frozen=True)
class ModelSet:
    """Detector and classifier, ready for use.

    Attributes:
        choice: What was asked for.
        detector: Finds faces.
        classifier: Names emotions; None where faces are only counted.
        estimator: Corrects shares; None without a calibration.
        calibration: Where estimated shares come from, or why there are none.
    """

    choice: ModelChoice
    detector: FaceDetector
    classifier: EmotionClassifier | None = None
    estimator: Estimator | None = None
    calibration: str = HEADCOUNT

    @classmethod
    def load(
        cls,
        choice: ModelChoice,
        detector_type: type[FaceDetector] = FaceDetector,
        classifier_type: type[EmotionClassifier] = EmotionClassifier,
    ) -> ModelSet:
        """Load what was chosen.

        Args:
            choice: Which models.
            detector_type: The class of the detector; `edge bench` has one that counts.
            classifier_type: The class of the classifier.

        Raises:
            ModelError: A model cannot be used.
        """
        detector = detector_type.load(choice.detect_width, choice.threads)
        if choice.emotions is None:
            return cls(choice, detector)
        name, output = choice.emotions
        classifier = classifier_type.load(name, output, choice.threads)
        calibration, origin = find_calibration(emotion_card_path(name), classifier.card, output)
        return cls(choice, detector, classifier, Estimator(calibration) if calibration else None, origin)

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that can be named; empty when faces are only counted."""
        return self.classifier.labels if self.classifier else ()

    def reset(self) -> None:
        """Keep nothing of the last frame."""
        self.detector.reset()
        if self.classifier is not None:
            self.classifier.reset()
