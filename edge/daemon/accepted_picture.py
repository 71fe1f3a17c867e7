"""For which picture masks were accepted, and the file that remembers it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.cameras.exif import UPRIGHT
from edge.config.schema import CameraConfig
from edge.daemon.state_file import UNREADABLE, StateFile
from edge.errors import EdgeError

SAME_SHAPE = 0.005  # relative difference of width / height that rounding explains: 854 x 480 is 16:9

Side = Annotated[int, Field(ge=1, le=100_000)]
Size = tuple[Side, Side]
"""Width and height of the upright picture in pixels."""
ExifOrientation = Annotated[int, Field(ge=1, le=8)]


class Accepted(BaseModel):
    """For which picture somebody has accepted which masks.

    Attributes:
        masks: Digest of the polygons.
        rotation: Degrees, as configured; with `hflip` and `vflip`.
        size: Of the picture; None: of the next one that comes.
        refused: Size of another picture that came afterwards: the camera stays closed.
        orientation: How the picture of that `size` lay before its own mark turned it upright, as EXIF numbers it.
        refused_orientation: The same of the one that was refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    masks: str
    rotation: Literal[0, 90, 180, 270]
    hflip: bool
    vflip: bool
    size: Size | None = None
    refused: Size | None = None
    orientation: ExifOrientation = UPRIGHT  # of what older versions accepted nobody knows it: most cameras have no mark
    refused_orientation: ExifOrientation = UPRIGHT

    @classmethod
    def now(cls, camera: CameraConfig) -> Accepted:
        """What a configuration says."""
        digest = hashlib.sha256(json.dumps(camera.masks).encode()).hexdigest()[:16]
        return cls(masks=digest, rotation=camera.rotation, hflip=camera.hflip, vflip=camera.vflip)

    @property
    def picture(self) -> str:
        """The picture in words."""
        turned = f"rotation {self.rotation}, hflip {str(self.hflip).lower()}, vflip {str(self.vflip).lower()}"
        if self.orientation != UPRIGHT:
            turned += f", turned upright from EXIF orientation {self.orientation}"
        return turned if self.size is None else f"{self.size[0]}x{self.size[1]}, {turned}"

    @property
    def configured(self) -> Accepted:
        """What of it is in the configuration."""
        return Accepted(masks=self.masks, rotation=self.rotation, hflip=self.hflip, vflip=self.vflip)

    def of(self, size: Size, orientation: int) -> Accepted:
        """The same, accepted for a picture."""
        return self.model_copy(update={"size": size, "orientation": orientation})

    def refusing(self, size: Size, orientation: int) -> Accepted:
        """The same, after another picture came."""
        return self.model_copy(update={"refused": size, "refused_orientation": orientation})

    def problem(self, now: Accepted, size: Size | None, orientation: int = UPRIGHT) -> str:
        """Why the same masks may not be used with another picture; empty: they may.

        Args:
            now: What the configuration says.
            size: Of the picture; None: not known yet.
            orientation: How it lay.
        """
        if self.configured != now:
            before = self.configured.picture
            return f"the masks were made for another picture ({before}) than this one ({now.picture})"
        if self.refused is not None:
            size, orientation = self.refused, self.refused_orientation
        if self.size is None or size is None:
            return ""
        if orientation != self.orientation:
            return (
                f"the masks were made for a picture of EXIF orientation {self.orientation}, and one of {orientation} "
                "came, which is turned otherwise"
            )
        if self.refused is None and _same_shape(self.size, size):
            return ""
        return f"the masks were made for a picture of {_words(self.size)}, and one of {_words(size)} came"


class MaskStore(StateFile):
    """The file that remembers it.

    Args:
        path: Its name.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "what the masks were accepted for", mode=0o600)

    def load(self) -> Accepted | None:
        """What was accepted last, None: nothing yet. Raises EdgeError: nobody can tell."""
        try:
            return Accepted.model_validate_json(json.dumps(self.read()))
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise EdgeError(
                f"{self.path} cannot be read ({reason}), so nobody knows for which picture the masks were made"
            ) from None

    def store(self, accepted: Accepted) -> None:
        """Remember it. Raises EdgeError: the disk would not take it."""
        values = accepted.model_dump(mode="json")
        # Older versions refuse a file with a key that they do not know: only where they would see another picture.
        for key in ("orientation", "refused_orientation"):
            if values[key] == UPRIGHT:
                del values[key]
        self.write(values)


def _same_shape(one: Size, other: Size) -> bool:
    return abs(one[0] * other[1] - other[0] * one[1]) <= SAME_SHAPE * one[0] * other[1]


def _words(size: Size) -> str:
    return f"{size[0]}x{size[1]} pixels"
