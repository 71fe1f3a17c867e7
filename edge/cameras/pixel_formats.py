"""From the bytes of a camera buffer to BGR: one conversion, no copy before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.cameras.normalize import MAX_SIDE
from edge.errors import CameraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names as libcamera has them: packed formats are named from the last byte to the first, so RGB888 is what we call BGR.
# Bytes per pixel, and the conversion, None where there is none to do.
PACKED = {
    "RGB888": (3, None),
    "BGR888": (3, cv2.COLOR_RGB2BGR),
    "XRGB8888": (4, cv2.COLOR_BGRA2BGR),
    "XBGR8888": (4, cv2.COLOR_RGBA2BGR),
    "YUYV": (2, cv2.COLOR_YUV2BGR_YUYV),
}
TWO_PLANES = {"NV12": cv2.COLOR_YUV2BGR_NV12, "NV21": cv2.COLOR_YUV2BGR_NV21}
THREE_PLANES = {"YUV420": cv2.COLOR_YUV2BGR_I420, "YVU420": cv2.COLOR_YUV2BGR_YV12}


@dataclass(frozen=True)
class Layout:
    """How the pixels of a frame lie in its buffer, as the camera says after it was configured.

    Args:
        format: libcamera's name, such as NV12.
        width: Pixels in a row.
        height: Rows.
        stride: Bytes from one row to the next, padding included; of the first plane where there are several.
    """

    format: str
    width: int
    height: int
    stride: int

    def check(self) -> None:
        """Find out before the first frame whether `bgr` can work. Raises CameraError naming what cannot be used."""
        known = (*PACKED, *TWO_PLANES, *THREE_PLANES)
        if self.format not in known:
            raise CameraError(f"the camera delivers {self.format}", f"only these can be read: {', '.join(known)}")
        row = self.width * PACKED.get(self.format, (1, None))[0]
        if not (0 < self.width <= MAX_SIDE and 0 < self.height <= MAX_SIDE and self.stride >= row):
            raise CameraError(f"the camera delivers {self}", "choose another camera.width and camera.height")

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.format}, {self.stride} bytes a row"

    def bgr(self, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture in a buffer; where colours are halved, an odd last row or column is left out.

        Args:
            buffer: (bytes,) uint8, contiguous; not changed, and not referred to afterwards.

        Returns:
            (height, width, 3) uint8 BGR.

        Raises:
            CameraError: The buffer is too small for the picture.
        """
        try:
            if self.format in PACKED:
                return self._packed(buffer)
            return self._two_planes(buffer) if self.format in TWO_PLANES else self._three_planes(buffer)
        except (TypeError, ValueError) as error:  # numpy refuses a view that would reach beyond the end
            raise CameraError(f"a frame of {buffer.size} bytes is not {self}", str(error)) from None

    def _packed(self, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        depth, code = PACKED[self.format]
        width = self.width & ~1 if depth == 2 else self.width
        shape, strides = (self.height, width, depth), (self.stride, depth, 1)
        pixels: NDArray[np.uint8] = np.ndarray(shape, np.uint8, buffer, 0, strides)
        # The buffer goes back to the camera: without a conversion, this copy is the only pass over the pixels.
        return np.array(pixels, order="C") if code is None else np.asarray(cv2.cvtColor(pixels, code), np.uint8)

    def _two_planes(self, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width, height = self.width & ~1, self.height & ~1
        light: NDArray[np.uint8] = np.ndarray((height, width), np.uint8, buffer, 0, (self.stride, 1))
        shape, strides = (height // 2, width // 2, 2), (self.stride + self.stride % 2, 2, 1)
        colour: NDArray[np.uint8] = np.ndarray(shape, np.uint8, buffer, self.stride * self.height, strides)
        return np.asarray(cv2.cvtColorTwoPlane(light, colour, TWO_PLANES[self.format]), np.uint8)

    def _three_planes(self, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width, height, stride = self.width & ~1, self.height & ~1, self.stride
        if stride % 2 == 0 and self.height % 2 == 0:
            # Two half rows of colour are as long as one row of light: OpenCV takes it all as one picture, with its
            # padding, which is cut off afterwards.
            planes: NDArray[np.uint8] = np.ndarray((height * 3 // 2, stride), np.uint8, buffer)
            return np.asarray(cv2.cvtColor(planes, THREE_PLANES[self.format]), np.uint8)[:, :width]
        packed = np.empty((height * 3 // 2, width), np.uint8)
        packed[:height] = np.ndarray((height, width), np.uint8, buffer, 0, (stride, 1))
        half = (stride + 1) // 2
        colours = packed[height:].reshape(2, height // 2, width // 2)
        shape, strides = (2, height // 2, width // 2), (half * ((self.height + 1) // 2), half, 1)
        colours[:] = np.ndarray(shape, np.uint8, buffer, stride * self.height, strides)
        return np.asarray(cv2.cvtColor(packed, THREE_PLANES[self.format]), np.uint8)
