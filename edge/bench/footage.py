"""What `edge bench` looks at: scenes of a known number of faces, or somebody's own clip; the same frames every time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from edge.cameras.normalize import to_bgr
from edge.cameras.video_decoder import SkippedFrames, VideoDecoder, open_video
from edge.daemon.memory_limit import MORE
from edge.errors import CameraError
from edge.files.presence import why_no_file
from edge.hardware.process_memory import limit_memory
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCENE_FRAMES = 11
SCENE_STEP = 0.2  # seconds of scene time between two frames; in the first 2.3 s nobody comes or goes
JPEG_QUALITY = 95


class Footage(Protocol):
    """Frames without end."""

    name: str
    faces: int | None
    """How many people are in every frame, None where nobody has counted them."""

    def next(self) -> tuple[NDArray[np.uint8], float]:
        """The next frame, (height, width, 3) uint8 BGR, and the seconds that it took to decode it."""


class SceneFootage:
    """A sample room, kept as the JPEG pictures that a USB camera would send.

    Args:
        faces: How many people, 1 to 100.
        size: Width and height in pixels.
        seed: The same seed shows the same room.
    """

    def __init__(self, faces: int, size: tuple[int, int], seed: int = 1) -> None:
        self.name = f"{faces} {size[0]}x{size[1]}"
        self.faces: int | None = faces
        # Nobody turns away: a face that is not classified would make the frame cheaper than the figure promises.
        scene = Scene(read_portraits(), size=size, faces=faces, seed=seed, turning=False)
        frames = (scene.render((index + 1) * SCENE_STEP) for index in range(SCENE_FRAMES))
        options = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
        self._pictures = [cv2.imencode(".jpg", frame, options)[1] for frame in frames]
        self._shown = 0

    def next(self) -> tuple[NDArray[np.uint8], float]:
        """See Footage: forward and back again, so that nobody jumps."""
        last = len(self._pictures) - 1
        picture = self._pictures[last - abs(last - self._shown % (2 * last))]
        self._shown += 1
        began = time.perf_counter()
        image = cv2.imdecode(picture, cv2.IMREAD_COLOR)
        return np.asarray(image, np.uint8), time.perf_counter() - began


class ClipFootage:
    """A video file, from the beginning again at its end.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.faces: int | None = None
        if why := why_no_file(path):
            raise CameraError(f"clip {why}", "name a video file")
        self._path = path.absolute()
        self._skipped = SkippedFrames(self.name)
        self._decoder: VideoDecoder | None = None

    def next(self) -> tuple[NDArray[np.uint8], float]:
        """See Footage. Raises CameraError when the file cannot be decoded."""
        began, decoder = time.perf_counter(), self._decoder
        there = decoder is not None and decoder.advance()
        if decoder is None or not there:
            decoder = self._open()
            began = time.perf_counter()  # opening the file is no part of decoding a frame
            there = decoder.advance()
        image = to_bgr(decoder.image()) if there else None
        if image is None:
            raise CameraError(f"{self.name} has no frame that can be decoded", "is it a complete video file?")
        return image, time.perf_counter() - began

    def _open(self) -> VideoDecoder:
        if self._decoder is not None:
            self._decoder.close()
        limit_memory(MORE)  # as the daemon does
        self._decoder = open_video(str(self._path), self._skipped)
        return self._decoder
