"""Pictures stand upright, whatever their format and however the camera was held."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.exif import orientation
from edge.cameras.normalize import read_picture

Image = pytest.importorskip("PIL.Image", reason="Pillow writes the pictures; matplotlib brings it")
ImageOps = pytest.importorskip("PIL.ImageOps")


def sketch() -> NDArray[np.uint8]:
    """A picture that looks different in each of the eight orientations, (40, 64, 3) uint8 RGB."""
    picture = np.zeros((40, 64, 3), np.uint8)
    picture[:16, :16] = 255
    picture[:16, 48:] = 128
    return picture


def encoded(number: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0100] = 64  # another tag before it
    exif[0x0112] = number
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    Image.fromarray(sketch()).save(file, kind, exif=exif, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("number", range(1, 9))
def test_every_orientation_is_obeyed(number: int, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(number, kind))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    found = read_picture(path)
    assert found is not None
    assert found.shape == expected.shape
    assert np.abs(found[..., ::-1].astype(int) - expected).mean() < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_mark_is_no_orientation(kind: str) -> None:
    whole = encoded(6, kind)
    assert orientation(whole) == 6
    for end in range(len(whole)):
        assert orientation(whole[:end]) in (1, 6)
    for at in range(len(whole)):
        assert 1 <= orientation(whole[:at] + b"\xff" + whole[at + 1 :]) <= 8
    assert orientation(b"") == orientation(b"\xff\xd8") == orientation(b"GIF89a") == 1
