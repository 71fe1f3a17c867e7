"""The models of a configuration, loaded together: both, or the detector alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.aggregation.prevalence import Estimator
from edge.model_files.calibration import find_calibration
from edge.model_files.cards import emotion_card_path
from edge.model_files.pose_rule import PoseRule, pose_rule_path, read_pose_rule
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector
from edge.vision.frame_analyzer import AnalysisRules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.config.schema import Config, VisionConfig

NOT_MEASURED = "none: no emotions are measured (mode: {mode})"


@dataclass(frozen=True)
class ModelChoice:
    """Which models a configuration asks for; equal where the loaded ones can stay.

    Attributes:
        detect_width: Of the face detector.
        threads: CPU threads of each model.
        emotions: The emotion model and which of its outputs is read; None: nothing of it is ever opened.
        pose: Whether head poses are measured.
    """

    detect_width: int
    threads: int
    emotions: tuple[str, str] | None
    pose: bool = False

    @classmethod
    def of(cls, config: Config) -> ModelChoice:
        """What a configuration asks for."""
        vision = config.vision
        emotions = (vision.emotions_model, vision.emotions_output) if "emotions" in config.needed_models else None
        return cls(vision.detect_width, vision.threads, emotions, "pose" in config.needed_models)


@dataclass(frozen=True)
class ModelSet:
    """Detector and classifier, ready for use.

    Attributes:
        choice: What was asked for.
        detector: Finds faces.
        classifier: Names emotions; None where faces are only counted.
        estimator: Corrects shares; None without a calibration.
        calibration: Where estimated shares come from, or why there are none.
        thresholds: Least probability of each strong word; empty without a calibration.
        pose: The rule for head poses; None where they are not measured.
    """

    choice: ModelChoice
    detector: FaceDetector
    classifier: EmotionClassifier | None = None
    estimator: Estimator | None = None
    calibration: str = NOT_MEASURED.format(mode="headcount")
    thresholds: Mapping[str, float] = field(default_factory=dict)
    pose: PoseRule | None = None

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
        pose = read_pose_rule(pose_rule_path()) if choice.pose else None
        if choice.emotions is None:
            mode = "facing" if pose else "headcount"
            return cls(choice, detector, calibration=NOT_MEASURED.format(mode=mode), pose=pose)
        name, output = choice.emotions
        classifier = classifier_type.load(name, output, choice.threads)
        calibration, origin = find_calibration(emotion_card_path(name), classifier.card, output)
        if calibration is None:
            return cls(choice, detector, classifier, None, origin, pose=pose)
        return cls(choice, detector, classifier, Estimator(calibration), origin, calibration.thresholds, pose)

    def rules(self, vision: VisionConfig) -> AnalysisRules:
        """What is said of a face under a configuration."""
        return AnalysisRules(
            vision.min_face_px,
            vision.min_confidence,
            self.thresholds,
            self.pose,
            front_only=vision.pose == "front",
            count_area=vision.count_area,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that can be named; empty when faces are only counted."""
        return self.classifier.labels if self.classifier else ()

    def reset(self) -> None:
        """Keep nothing of the last frame."""
        self.detector.reset()
        if self.classifier is not None:
            self.classifier.reset()
