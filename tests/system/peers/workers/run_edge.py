"""Ourselves: detect, track and classify as the daemon does."""

from __future__ import annotations

from typing import Any

from edge.cameras.capture_thread import Frame
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import Detections, FaceDetector
from edge.vision.frame_analyzer import AnalysisRules, FrameAnalyzer
from edge.vision.rate_controller import Plan
from tests.system.peers.workers.loop import serve


class _Remembering(FaceDetector):
    faces: Detections

    def detect(self, image: Any) -> Detections:
        self.faces = super().detect(image)
        return self.faces


def main() -> None:
    """Serve."""
    detector, classifier = _Remembering.load(), EmotionClassifier.load()
    analysis = FrameAnalyzer(detector, classifier, AnalysisRules(10, 0.4), Plan(5, 5))
    times = iter(range(10**9))

    def find(image: Any) -> list[list[float]]:
        analysis.analyze(Frame(image, next(times) / 5))
        found = detector.faces
        return [[*map(float, box), float(score)] for box, score in zip(found.boxes, found.scores, strict=True)]

    serve(find)


if __name__ == "__main__":
    main()
