"""Models of one's own: any size, range, labels and last layer, from the float file to what the daemon reads."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import quantize
from edge.model_files.cards import SHIPPED, EmotionCard, EmotionOutput, read_card
from edge.vision import emotion_classifier
from edge.vision.emotion_classifier import EmotionClassifier, logit_table
from edge.vision.tflite import Model, Tensor
from models import keras_input, proof, runner
from models.data import Faces
from models.labels import LABELS
from models.quantizer import FloatModel, RefusedError

HAPPY, SAD, NEUTRAL = (LABELS.index(label) for label in ("happy", "sad", "neutral"))
BOX = np.array([[0, 0, 48, 48]], np.float32)
KERAS = """
import sys, keras
i = keras.Input((32, 32, 3))
x = keras.layers.Conv2D(4, 3, activation="relu")(i)
keras.Model(i, keras.layers.Dense(7, activation="softmax")(keras.layers.Flatten()(x))).save(sys.argv[1])
"""


def picture(seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)


def tensor(scale: float, zero_point: int) -> Tensor:
    return Tensor({"index": 0, "name": "x", "shape": (1, 7), "quantization": (scale, zero_point), "dtype": np.int8})


def test_the_softmax_of_the_logits_of_probabilities_is_those_probabilities() -> None:
    shares = tensor(1 / 256, -128)
    table = logit_table(shares, EmotionOutput(tensor="x", kind="probabilities", labels=LABELS))
    assert np.isfinite(table).all()
    assert np.exp(table)[shares.table() > 0] == pytest.approx(shares.table()[shares.table() > 0])
    assert np.exp(table)[shares.table() == 0] == pytest.approx(1 / 512)


def test_logits_stay_what_they_are() -> None:
    values = tensor(0.1, 3)
    assert np.array_equal(logit_table(values, EmotionOutput(tensor="x", labels=LABELS)), values.table())


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_daemon_reads_probabilities_without_a_second_softmax(tmp_path: Path, temperature: float) -> None:
    shutil.copy(SHIPPED / "emotions.tflite", tmp_path)
    card = json.loads((SHIPPED / "emotions.json").read_text())
    card["outputs"]["ferplus"] |= {"kind": "probabilities", "temperature": temperature}
    (tmp_path / "emotions.json").write_text(json.dumps(card))
    classifier = EmotionClassifier.load(str(tmp_path / "emotions.json"))
    shares = classifier.classify(np.dstack([picture()] * 3), BOX)

    content = read_card(SHIPPED / "emotions.json", EmotionCard)
    model = Model(SHIPPED / "emotions.json", content)
    raw = runner.predict(model, content, picture()[None]).logits["ferplus"]
    step = model.output(content.outputs["ferplus"].tensor, (1, 7)).scale
    expected = np.maximum(raw, step / 2) ** (1 / temperature)  # this model gives logits: only the rule is looked at
    assert shares == pytest.approx(expected / expected.sum(), rel=1e-4)


def test_a_model_on_three_channels_is_fed_grey(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fed = np.zeros((1, 48, 48, 3), np.int8)
    model = SimpleNamespace(
        output=lambda *_: tensor(0.1, 0), input_table=lambda: np.arange(256, dtype=np.uint8).view(np.int8),
        input_view=lambda: fed, invoke=lambda: None, reset=lambda: None,
        output_view=lambda _: np.zeros((1, 7), np.int8),
    )  # fmt: skip
    monkeypatch.setattr(emotion_classifier, "Model", lambda *_: model)
    card = json.loads((SHIPPED / "emotions.json").read_text())
    card["input"] |= {"channels": 3}
    (tmp_path / "mine.json").write_text(json.dumps(card))
    classifier = EmotionClassifier.load(str(tmp_path / "mine.json"))
    classifier.classify(np.dstack([picture()] * 3), BOX)
    assert np.array_equal(fed[0].view(np.uint8), np.dstack([picture()] * 3))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)])
@pytest.mark.parametrize(("size", "channels"), [((48, 48), 1), ((64, 64), 3), ((24, 32), 1)])
def test_faces_in_the_size_range_and_channels_of_a_model(
    size: tuple[int, int], channels: int, low: float, high: float
) -> None:
    fed = proof.Geometry(*size, channels, low, high)
    black, white = (fed.sample(np.full((48, 48), level, np.uint8)) for level in (0, 255))
    assert black.shape == white.shape == (1, *size, channels)
    assert black.dtype == np.float32
    assert (black == low).all()
    assert white == pytest.approx(high)
    assert fed.fit(picture()).shape == (*size, 1)


def test_a_face_of_the_right_size_is_not_touched() -> None:
    assert np.array_equal(proof.Geometry(48, 48, 1, -1, 1).fit(picture())[..., 0], picture())


def faces() -> Faces:
    label = np.array([HAPPY, SAD, NEUTRAL])
    majority = np.array([HAPPY, -1, SAD])
    pictures, votes = np.zeros((3, 48, 48), np.uint8), np.zeros((3, 7), np.float32)
    return Faces(pictures, label, votes, majority, majority, np.ones(3, np.int64))


@pytest.mark.parametrize(
    ("head", "labels", "expected"),
    [
        ("fer2013", LABELS, [HAPPY, SAD, NEUTRAL]),
        ("ferplus", LABELS, [HAPPY, -1, SAD]),
        ("mood", ("Sadness", "happiness"), [1, 0, -1]),
        ("ferplus", ("bored", "happy"), [1, -1, -1]),
    ],
)
def test_truth_in_the_labels_of_a_model(head: str, labels: tuple[str, ...], expected: list[int]) -> None:
    assert proof.truth_of(faces(), head, labels).tolist() == expected


def test_the_kind_of_an_output_is_seen_from_its_values() -> None:
    values = np.random.default_rng(1).normal(size=(20, 7)).astype(np.float32)
    powers = np.exp(values)
    assert proof.kind_of(values) == "logits"
    assert proof.kind_of(np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)) == "probabilities"
    with pytest.raises(ValueError, match="neither logits nor probabilities"):
        proof.kind_of(np.asarray(1 / (1 + powers), np.float32))


def heads_of(shape: tuple[int, ...], outputs: dict[str, tuple[int, ...]], *options: str) -> dict[str, str]:
    args = quantize.argument_parser().parse_args(["m.keras", "--data", "d", "--output", "o.tflite", *options])
    model: Any = SimpleNamespace(shape=shape, outputs=outputs)
    return quantize.heads_of(model, args)


def test_outputs_get_their_names() -> None:
    shape = (1, 64, 64, 3)
    assert heads_of(shape, {"Call:0": (1, 7)}) == {"fer2013": "Call:0"}
    assert heads_of(shape, {"Call:0": (1, 7)}, "--head", "mood") == {"mood": "Call:0"}
    assert heads_of(shape, {"ferplus": (1, 7)}) == {"ferplus": "ferplus"}
    assert heads_of(shape, {"a": (1, 2)}, "--labels", "happy,sad") == {"fer2013": "a"}
    assert heads_of(shape, {"fer2013": (1, 7), "ferplus": (1, 7)}) == {"ferplus": "ferplus", "fer2013": "fer2013"}


@pytest.mark.parametrize(
    ("shape", "outputs", "options"),
    [
        ((1, 48, 48, 2), {"a": (1, 7)}, ()),
        ((1, 1, 1, 1), {"a": (1, 7)}, ()),
        ((1, 2304), {"a": (1, 7)}, ()),
        ((1, 48, 48, 1), {"a": (1, 8)}, ()),
        ((1, 48, 48, 1), {"a": (1, 7), "b": (1, 7)}, ()),
        ((1, 48, 48, 1), {"fer2013": (1, 7), "ferplus": (1, 7)}, ("--head", "mood")),
        ((1, 48, 48, 1), {}, ()),
    ],
)
def test_models_that_do_not_fit_are_refused(
    shape: tuple[int, ...], outputs: dict[str, tuple[int, ...]], options: tuple[str, ...]
) -> None:
    with pytest.raises(RefusedError, match="Remedy: "):
        heads_of(shape, outputs, *options)


@pytest.mark.parametrize("labels", ["happy", "happy,happy", "happy,,sad", "happy,unknown"])
def test_labels_that_cannot_be(labels: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        heads_of((1, 48, 48, 1), {}, "--labels", labels)
    assert labels in capsys.readouterr().err


def test_keras_files_are_known_by_name_and_savedmodels_by_content(tmp_path: Path) -> None:
    assert all(keras_input.is_keras(tmp_path / f"model{suffix}") for suffix in (".keras", ".h5", ".hdf5", ".H5"))
    assert not keras_input.is_keras(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert keras_input.is_keras(tmp_path)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved"])
def test_without_tensorflow_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    path = tmp_path / name
    if name == "saved":
        path.mkdir()
        path = path.joinpath("saved_model.pb")
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"pip install -r models/requirements-keras\.txt"):
        quantize.read_float(path.parent if name == "saved" else path)


def test_a_folder_that_is_no_savedmodel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"holds no saved_model\.pb"):
        quantize.read_float(tmp_path)


def test_a_folder_has_a_hash_of_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = quantize.sha256_of(tmp_path)
    assert quantize.sha256_of(tmp_path) == first
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"2")
    assert quantize.sha256_of(tmp_path) != first


@pytest.mark.skipif(not importlib.util.find_spec("tensorflow"), reason="TensorFlow (models/requirements-keras.txt)")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_keras_model_becomes_a_float_tflite_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    subprocess.run([sys.executable, "-c", KERAS, str(path)], check=True, capture_output=True)
    model = FloatModel(keras_input.float_tflite(path))
    assert model.shape == (1, 32, 32, 3)
    ((_, output),) = model.run(proof.Geometry(32, 32, 3, 0, 1).sample(picture())).items()
    assert proof.kind_of(output) == "probabilities"
