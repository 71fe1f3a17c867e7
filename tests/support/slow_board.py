"""A board on which every stage takes as long as is written here, whatever the machine of the tests does meanwhile."""

from __future__ import annotations

from edge.vision.rate_controller import RateController


class SlowBoard(RateController):
    """Has no time for everything.

    Args:
        detect: Seconds of a detection.
        classify: Seconds of a classified face; `batch` seconds come to those of a frame together.
        detect_fps: As of RateController.
    """

    def __init__(self, detect: float, classify: float = 0.003, batch: float = 0.02, detect_fps: float = 3.0) -> None:
        super().__init__(0.5, 2, detect_fps)
        self._seconds = {"detect": detect, "classify": classify}
        self._batch = batch

    def record_stage(self, stage: str, seconds: float, count: int = 1) -> None:
        """Record what the stage takes here."""
        seconds = self._seconds.get(stage, 0.001) * count + (self._batch if stage == "classify" else 0.0)
        super().record_stage(stage, seconds, count)

    def record_cpu_time(self, used: float) -> None:
        """The stages are all that takes time here."""
