"""Models and their cards: changed, corrupt, of another geometry, with a mistake."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import resource
import shutil
import struct
from collections.abc import Iterator
from copy import deepcopy as copy_of
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from edge.contract.examples import WINDOW
from edge.contract.validation import read_message
from edge.errors import ModelError
from edge.hardware.process_memory import PEAK, memory
from edge.model_files.calibration import OutputCalibration, calibration_path, read_calibration
from edge.model_files.cards import SHIPPED, EmotionCard, FaceCard, emotion_card_path, read_card
from edge.model_files.pose_rule import PoseRule
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


def card_with(labels: list[str]) -> str:
    """The shipped emotion card, with other labels."""
    described = json.loads((SHIPPED / "emotions.json").read_text())
    return json.dumps(described | {"outputs": {"mood": {"tensor": "x", "labels": labels}}})


def load(card: Path) -> Model:
    return Model(card, read_card(card, FaceCard))


def test_a_file_in_the_current_folder_is_no_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    for name in ("emotions.json", "own.json", "own/emotions.json"):
        (tmp_path / name).touch()
    assert emotion_card_path("emotions.json") == SHIPPED / "emotions.json"
    assert emotion_card_path("none.json") == SHIPPED / "none.json"
    # One that nobody may look at, too: it is told by the name that it was given.
    closed = f"own/{300 * 'x'}.json"
    for name in ("./emotions.json", "own.json", "own/emotions.json", str(tmp_path / "emotions.json"), closed):
        assert emotion_card_path(name) == Path(name)


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


def test_a_model_of_another_geometry_is_given_no_memory_before_it_is_refused(copy: Path) -> None:
    """A run of the larger one needs 3 GB."""
    small, large = (struct.pack("<5i", 4, 1, height, width, 3) for height, width in ((384, 640), (8192, 8192)))
    respoil(copy, copy.with_suffix(".tflite").read_bytes().replace(small, large))
    before = memory(PEAK)
    with pytest.raises(ModelError, match=r"does not fit its card: input \(1, 8192, 8192, 3\)"):
        load(copy)
    peak = memory(PEAK)
    assert before is not None
    assert peak is not None
    assert peak < before + 100_000_000


@pytest.mark.parametrize("late", [False, True])
def test_a_small_model_that_asks_for_much_memory_is_refused(tmp_path: Path, *, late: bool) -> None:
    pytest.importorskip("ai_edge_litert", reason="it has the schema to write the model with; tflite-runtime has not")
    from tests.support.model_files import enlarging_model  # noqa: PLC0415

    card, limit = tmp_path / "small.json", resource.getrlimit(resource.RLIMIT_DATA)
    described = {
        "task": "emotions", "name": "small", "file": "small.tflite",
        "input": {"width": 8, "height": 8, "channels": 3, "colour": "BGR", "range": (0, 1)},
        "outputs": {"ferplus": {"tensor": "output", "labels": ["happy", "sad", "neutral"]}},
    }  # fmt: skip
    card.write_text(json.dumps(described))
    respoil(card, enlarging_model(200, late=late))
    assert EmotionClassifier.load(str(card)).classify(np.zeros((9, 9, 3), np.uint8), np.array([[0, 0, 9, 9]])).size == 3
    respoil(card, enlarging_model(15_000, late=late))  # 675 MB
    with pytest.raises(ModelError, match=r"cannot be loaded .* \(it may take 400 MB of memory\)"):
        EmotionClassifier.load(str(card))
    assert resource.getrlimit(resource.RLIMIT_DATA) == limit


def test_a_model_of_which_no_faces_can_be_kept_is_refused(tmp_path: Path) -> None:
    """Its own tensors are small enough; 256 crops of its size are not."""
    card, side = tmp_path / "emotions.json", 1400
    for suffix in ("json", "tflite"):
        shutil.copy(SHIPPED / f"emotions.{suffix}", tmp_path)
    small, large = (struct.pack("<5i", 4, 1, pixels, pixels, 1) for pixels in (48, side))
    described = json.loads(card.read_text())
    described["input"] |= {"width": side, "height": side}
    card.write_text(json.dumps(described))
    respoil(card, card.with_suffix(".tflite").read_bytes().replace(small, large))
    with pytest.raises(ModelError, match="cannot be loaded"):
        EmotionClassifier.load(str(card))


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


@pytest.mark.parametrize(
    ("labels", "fits"),
    [
        (["happy", "sad", "neutral"], True),
        ([f"m{n:02}" for n in range(63)], True),
        ([f"m{n:02}" for n in range(64)], False),  # and `unknown`
        (["x" * 128, "y"], True),
        (["x" * 129, "y"], False),
        (["ä" * 65, "y"], False),
        ([f"{n}" + "x" * 109 for n in range(9)], True),
        ([f"{n}" + "x" * 110 for n in range(9)], False),
        (["", "y"], False),
        (["on\tedge", "y"], False),
        (["\ud800", "y"], False),
    ],
)
def test_a_card_has_no_label_that_a_subscriber_would_refuse(copy: Path, labels: list[str], *, fits: bool) -> None:
    copy.write_text(card_with(labels))
    if fits:
        assert read_card(copy, EmotionCard).output("mood").labels == tuple(labels)
    else:
        with pytest.raises(ModelError, match=r"labels|is not JSON"):
            read_card(copy, EmotionCard)
    nobody = dict.fromkeys(labels, 0)
    window = json.loads(WINDOW.model_dump_json(by_alias=True)) | {
        "counts": {**nobody, "unknown": 767}, "people": {**nobody, "unknown": 27.39},
        "unclassified": {"too_small": 31, "away": 225, "unclear": 511},
        "estimate": None, "estimate_absent": "uncalibrated",
    }  # fmt: skip
    payload = json.dumps(window).encode()
    try:
        read_message("classroom", "classroom/room-204/window", payload)
    except ValueError:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize("labels", [["happy", "happy"], ["happy", "unknown"]])
def test_labels_that_cannot_be_told_apart_are_refused(copy: Path, labels: list[str]) -> None:
    copy.write_text(card_with(labels))
    with pytest.raises(ModelError, match=r"outputs\.mood\.labels: .*must be different, and none may be 'unknown'"):
        read_card(copy, EmotionCard)


def test_cards_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("[")
    with pytest.raises(ModelError, match="x.json"):
        load(tmp_path / "x.json")


def test_a_calibration_that_is_no_file(tmp_path: Path) -> None:
    card = read_card(SHIPPED / "emotions.json", EmotionCard)
    os.mkfifo(calibration_path(tmp_path / "fifo.json"))
    calibration_path(tmp_path / "zero.json").symlink_to("/dev/zero")
    calibration_path(tmp_path / "large.json").write_bytes(b" " * 2_000_000)
    for name, reason in (("fifo", "not a regular file"), ("zero", "not a regular file"), ("large", "over 1,000,000")):
        with pytest.raises(ModelError) as caught:
            read_calibration(tmp_path / f"{name}.json", card)
        assert reason in str(caught.value)


def test_priors_by_which_nothing_can_be_divided() -> None:
    content = json.loads((SHIPPED / "emotions.calibration.json").read_text())["outputs"]["ferplus"]
    for least, fits in ((5e-324, False), (1e-300, False), (1e-6, False), (2e-5, True)):
        content["priors"] = [1 - 6 * least, *[least] * 6]
        if fits:
            assert OutputCalibration.model_validate(content).priors[1] == least
        else:
            with pytest.raises(ValidationError, match="priors"):
                OutputCalibration.model_validate(content)


@pytest.mark.parametrize("text", ["x" * 1001, "\ud800"])
def test_a_calibration_whose_words_no_message_may_have(copy: Path, text: str) -> None:
    card = read_card(SHIPPED / "emotions.json", EmotionCard)
    content = json.loads((SHIPPED / "emotions.calibration.json").read_text())
    calibration_path(copy).write_text(json.dumps(content | {"left_out": {"mood": text}}))
    with pytest.raises(ModelError, match=r"left_out|is not JSON"):
        read_calibration(copy, card)


def test_an_output_that_the_model_lacks() -> None:
    with pytest.raises(ModelError, match="it has ferplus, fer2013"):
        EmotionClassifier.load(output="mood")


@pytest.mark.parametrize("width", [640, 1280, 1920])
def test_every_shipped_detector_starts(width: int) -> None:
    found = FaceDetector.load(width)
    found.detect(np.zeros((90, 160, 3), np.uint8))
    assert found.card.input.width == width


def places(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the numbers of a JSON document stand."""
    if isinstance(value, dict | list):
        for name, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(below, (*above, name))
    elif isinstance(value, int | float):
        yield above


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("kind", [FaceCard, EmotionCard, PoseRule, OutputCalibration])
def test_a_truth_is_no_number(kind: type[BaseModel], truth: bool) -> None:  # noqa: FBT001
    """`"upright_from": true` would be one degree."""
    file = {FaceCard: "faces-640x384", EmotionCard: "emotions", PoseRule: "head-pose"}.get(kind, "emotions.calibration")
    content = json.loads((SHIPPED / f"{file}.json").read_text())
    content = content["outputs"]["ferplus"] if kind is OutputCalibration else content
    if kind is EmotionCard:
        content["crop"] |= {"scale": 1.0, "down": 0.0, "upright_from": 3}
    content = kind.model_validate(content).model_dump(mode="json")
    found = list(places(content))
    assert len(found) >= 6
    for *sections, last in found:
        spoiled: Any = copy_of(content)
        functools.reduce(lambda below, name: below[name], sections, spoiled)[last] = truth
        with pytest.raises(ValidationError, match=f"found {str(truth).lower()}; write a number"):
            kind.model_validate(spoiled)


def test_a_truth_in_a_card_is_named_with_its_key(copy: Path) -> None:
    described = json.loads(copy.read_text())
    described["input"]["width"] = True
    copy.write_text(json.dumps(described))
    with pytest.raises(ModelError, match=r"input\.width: found true; write a number: see models/README\.md"):
        load(copy)
