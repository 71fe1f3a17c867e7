"""Frames of any kind become eight bits of three colours, or are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.normalize import decode_picture, to_bgr
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    "image",
    [
        None,
        np.empty((0, 0, 3), np.uint8),
        np.empty((0, 5), np.uint8),
        np.zeros((5, 5, 2), np.uint8),
        np.zeros((5, 5, 5), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros(5, np.uint8),
        np.zeros((1, 9000, 3), np.uint8),
    ],
)
def test_unusable_frames_are_recognised(image: NDArray[Any] | None) -> None:
    assert to_bgr(image) is None


def test_sixteen_bits_keep_their_brightness() -> None:
    image = to_bgr(np.full((2, 2), 0x80FF, np.uint16))
    assert image is not None
    assert (image == 0x80).all()


def test_an_eight_bit_frame_is_not_copied() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    assert to_bgr(image) is image


def test_a_picture_file_of_sixteen_bits_takes_the_memory_of_eight(tmp_path: Path) -> None:
    file = tmp_path / "deep.png"
    cv2.imwrite(str(file), np.full((3000, 3000), 0x80FF, np.uint16))
    # In a process of its own: what was allocated before would hide it.
    script = (
        "import sys, pathlib; from edge.cameras.normalize import read_picture; "
        "from tests.support.peak_memory import peak_kilobytes; before = peak_kilobytes(); "
        "picture = read_picture(pathlib.Path(sys.argv[1])); print(picture.max(), peak_kilobytes() - before)"
    )
    command = [sys.executable, "-c", script, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    brightest, kilobytes = done.stdout.split()
    assert brightest == "128"
    assert int(kilobytes) * 1024 < 8 * 3000 * 3000, "a picture of three bytes for each pixel, and a copy of it"


@pytest.mark.parametrize("kind", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".pgm", ".ppm"])
def test_every_kind_of_picture_file_that_is_allowed_is_decoded(kind: str) -> None:
    grey = np.full((16, 24) if kind == ".pgm" else (16, 24, 3), 0x80, np.uint8)
    image = decode_picture(cv2.imencode(kind, grey)[1].tobytes())
    assert image is not None
    assert image.shape == (16, 24, 3)
    assert abs(float(image.mean()) - 0x80) < 2


@pytest.mark.parametrize("kind", [".jp2", ".hdr", ".sr"])
def test_another_kind_is_not_decoded_whatever_it_is_called(kind: str) -> None:
    """Of JPEG 2000 and Radiance HDR a small file takes a gigabyte."""
    black = np.zeros((128, 128, 3), np.uint8)
    content = cv2.imencode(kind, black.astype(np.float32) if kind == ".hdr" else black)[1]
    assert cv2.imdecode(content, cv2.IMREAD_COLOR) is not None
    assert decode_picture(content.tobytes()) is None
