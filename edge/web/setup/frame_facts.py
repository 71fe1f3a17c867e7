"""What is known about the faces of one frame: all that advice and calibration are made of. No picture, no track."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FaceFacts:
    """One face.

    Args:
        box: x, y, width, height in pixels of the frame.
        large: High enough for what the mode is after.
        front: Turned to the front; None where nobody can tell: too small, or the mode does not ask.
        side: To which side the head is turned: below 0 to the left of the picture; 0 where it is not known.
        lit: Neither in the dark nor burnt out.
        inside: In the count area.
    """

    box: tuple[float, float, float, float]
    large: bool
    front: bool | None
    side: float
    lit: bool
    inside: bool


@dataclass(frozen=True)
class FrameFacts:
    """One frame.

    Args:
        time: When it was taken, monotonic seconds.
        size: Width and height, pixels.
        faces: All that were found.
        against: Faces stand against the light.
        sharpness: As `edge.web.setup.quality.sharpness` has it.
    """

    time: float
    size: tuple[int, int]
    faces: tuple[FaceFacts, ...]
    against: bool
    sharpness: float

    @property
    def counted(self) -> list[FaceFacts]:
        """The faces in the count area."""
        return [face for face in self.faces if face.inside]

    @property
    def judged(self) -> list[FaceFacts]:
        """Those of them whose direction is known."""
        return [face for face in self.counted if face.front is not None]

    @property
    def front(self) -> list[FaceFacts]:
        """Those of them that are turned to the front."""
        return [face for face in self.counted if face.front]
