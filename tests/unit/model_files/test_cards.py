"""Models and their cards: changed, corrupt, of another geometry, with a mistake."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model_files.cards import SHIPPED, FaceCard, read_card
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector
from edge.vision.tflite import Model


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of a card and its model that may be spoiled."""
    for suffix in ("json", "tflite"):
        shutil.copy(SHIPPED / f"faces-640x384.{suffix}", tmp_path)
    return tmp_path / "faces-640x384.json"


def respoil(card: Path, content: bytes) -> None:
    """Write another model and make its card agree."""
    card.with_suffix(".tflite").write_bytes(content)
    described = json.loads(card.read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}
    card.write_text(json.dumps(described))


def load(card: Path) -> Model:
    return Model(card, read_card(card, FaceCard))


def test_a_changed_model_is_refused(copy: Path) -> None:
    copy.with_suffix(".tflite").write_bytes(b"x" + copy.with_suffix(".tflite").read_bytes()[1:])
    with pytest.raises(ModelError, match=r"is not the file its card describes: sha256 .* quantize.py") as caught:
        load(copy)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("content", [b"", b"not a model", b"\0" * 1000])
def test_a_corrupt_model_with_a_fitting_card_is_refused(copy: Path, content: bytes) -> None:
    respoil(copy, content)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(copy)


def test_a_model_of_another_geometry_is_refused(copy: Path) -> None:
    respoil(copy, (SHIPPED / "faces-1280x736.tflite").read_bytes())
    with pytest.raises(ModelError, match="does not fit its card"):
        load(copy)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sha256": "x"}, "sha256"),
        ({"file": "../evil.tflite"}, "file"),
        ({"input": {"width": 640}}, "input.height"),
        ({"task": "emotions"}, "task"),
    ],
)
def test_a_card_with_a_mistake_is_explained(copy: Path, change: dict[str, Any], expected: str) -> None:
    copy.write_text(json.dumps(json.loads(copy.read_text()) | change))
    with pytest.raises(ModelError, match=expected):
        load(copy)


def test_cards_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("[")
    with pytest.raises(ModelError, match="x.json"):
        load(tmp_path / "x.json")


def test_an_output_that_the_model_lacks() -> None:
    with pytest.raises(ModelError, match="it has ferplus, fer2013"):
        EmotionClassifier.load(output="mood")


@pytest.mark.parametrize("width", [640, 1280, 1920])
def test_every_shipped_detector_starts(width: int) -> None:
    found = FaceDetector.load(width)
    found.detect(np.zeros((90, 160, 3), np.uint8))
    assert found.card.input.width == width
