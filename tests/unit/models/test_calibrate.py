"""Calibration files: written, read again, damaged, of another model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model_files.calibration import calibration_path, find_calibration, read_calibration
from edge.model_files.cards import SHIPPED, EmotionCard, read_card
from models import calibrate
from models.labels import HEADS, LABELS
from tests.support.faces_files import noise, save


def test_calibration_round_trip(model: Path, faces_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = model.with_suffix(".json")
    card = read_card(path, EmotionCard)
    assert read_calibration(path, card) is None
    assert calibrate.main([str(model), str(faces_file), "--all-poses"]) == 0
    assert "ferplus: 203 pictures" in capsys.readouterr().out
    assert calibration_path(path).name == "emotions.calibration.json"
    calibration = read_calibration(path, card)
    assert calibration is not None
    assert set(calibration.outputs) | set(calibration.left_out) == set(HEADS)
    output = calibration.outputs["ferplus"]
    assert output.labels == LABELS
    assert output.pictures == np.sum(output.confusion) == 203
    assert output.priors == pytest.approx([1 / 7] * 7, abs=1e-6)
    assert np.sum(output.posteriors, axis=1) == pytest.approx(np.ones(7), abs=1e-5)
    record = json.loads(calibration_path(path).read_text())
    assert record["command"] == "python -m models.calibrate models/emotions.tflite 'a & b.npz' --all-poses"
    assert record["data"]["pictures"] == 203
    assert len(record["data"]["sha256"]) == 64


def test_calibration_figures_by_hand() -> None:
    # Two pictures of each class. The logits favour the right class 3 : 1 over the next, but in the last picture the
    # other way round; the row after it has no truth.
    truth = np.repeat(np.arange(7), 2)
    logits = np.full((15, 7), -60, np.float32)
    logits[np.arange(14), truth] = np.log(3)
    logits[np.arange(14), (truth + 1) % 7] = 0
    logits[13, [6, 0]] = 0, np.log(3)
    # At this temperature it is 13 : 1, as often as it is right.
    measured = calibrate.measure(logits, np.append(truth, -1), np.log(3) / np.log(13))
    assert measured["pictures"] == 14
    assert measured["temperature"] == pytest.approx(np.log(3) / np.log(13))
    assert measured["priors"] == pytest.approx([1 / 7] * 7, abs=1e-6)
    expected = 2 * np.eye(7, dtype=int)
    expected[6] = [1, 0, 0, 0, 0, 0, 1]
    assert measured["confusion"] == expected.tolist()
    assert measured["posteriors"][0] == pytest.approx([13 / 14, 1 / 14, 0, 0, 0, 0, 0], abs=1e-4)
    assert measured["posteriors"][6] == pytest.approx([0.5, 0, 0, 0, 0, 0, 0.5], abs=1e-4)


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_what_is_measured_holds_at_the_temperature_of_the_card(
    model: Path, faces_file: Path, temperature: float
) -> None:
    path = model.with_suffix(".json")
    content = json.loads(path.read_text())
    for output in content["outputs"].values():
        output["temperature"] = temperature
    path.write_text(json.dumps(content))
    assert calibrate.main([str(model), str(faces_file), "--all-poses"]) == 0
    found, sentence = find_calibration(path, read_card(path, EmotionCard), "ferplus")
    assert found is not None, sentence
    assert found.temperature == temperature


def test_output_that_lacks_a_class_is_left_out_with_the_reason(model: Path, tmp_path: Path) -> None:
    content = noise(np.arange(21) % 7)
    keep = content["label"] != LABELS.index("fear")
    label = np.where(keep, content["label"], 0)
    save(tmp_path / "faces.npz", content | {"label": label})
    assert calibrate.main([str(model), str(tmp_path / "faces.npz"), "--all-poses"]) == 0
    path = model.with_suffix(".json")
    calibration = read_calibration(path, read_card(path, EmotionCard))
    assert calibration is not None
    assert list(calibration.outputs) == ["ferplus"]
    assert calibration.left_out == {"fer2013": "no picture of fear in PublicTest"}


def test_calibration_of_another_model_is_refused(model: Path, faces_file: Path) -> None:
    path = model.with_suffix(".json")
    calibrate.main([str(model), str(faces_file), "--all-poses"])
    other = read_card(path, EmotionCard).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ModelError, match=r"another model: sha256 \w{12}\.\.\., the card says 000000000000"):
        read_calibration(path, other)


def changed(path: list[str | int], value: Any) -> Callable[[dict[str, Any]], str]:
    """A file in which one value is another."""

    def change(record: dict[str, Any]) -> str:
        place: Any = record
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return json.dumps(record)

    return change


FERPLUS: list[str | int] = ["outputs", "ferplus"]
DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "cut short": (lambda record: json.dumps(record)[:-40], "is not JSON"),
    "a list": (lambda _: "[]", "emotions.calibration.json: "),
    "too deep": (lambda _: "[" * 100_000, "is not JSON"),
    "no hash": (changed(["sha256"], "none"), "sha256: "),
    "a short matrix": (changed([*FERPLUS, "confusion"], [[1] * 7] * 6), "confusion must be 7 by 7"),
    "a short row": (changed([*FERPLUS, "posteriors", 2], [1.0]), "posteriors must be 7 by 7"),
    "priors of 2": (changed([*FERPLUS, "priors"], [2 / 7] * 7), "sum to 1"),
    "too few priors": (changed([*FERPLUS, "priors"], [1.0]), "sum to 1"),
    "an impossible class": (changed([*FERPLUS, "priors"], [0, 1, 0, 0, 0, 0, 0]), "greater than 0"),
    "not a number": (changed([*FERPLUS, "posteriors", 0, 0], float("nan")), "posteriors.0.0: "),
    "less than nothing": (changed([*FERPLUS, "confusion", 0, 0], -1), "confusion.0.0: "),
    "an empty class": (changed([*FERPLUS, "confusion", 0], [0] * 7), "pictures of every class"),
    "other pictures": (changed([*FERPLUS, "pictures"], 8), "as many in all"),
    "no temperature": (changed([*FERPLUS, "temperature"], 0), "temperature: "),
    "too few biases": (changed([*FERPLUS, "bias"], [0.0]), "bias must be 7 numbers"),
    "a boundless bias": (changed([*FERPLUS, "bias", 0], 21), "bias.0: "),
    "made before biases were": (lambda r: json.dumps(r).replace('"bias"', '"was"'), "bias: Field required"),
    "labels in another order": (changed([*FERPLUS, "labels"], list(reversed(LABELS))), "not those of the card"),
    "an output too many": (lambda r: json.dumps(r).replace('"fer2013": {', '"extra": {'), "not those of the card"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_calibration_is_refused_in_one_line(
    damage: Callable[[dict[str, Any]], str], told: str, model: Path, tmp_path: Path
) -> None:
    path = model.with_suffix(".json")
    save(tmp_path / "faces.npz", noise(np.arange(7)))
    calibrate.main([str(model), str(tmp_path / "faces.npz"), "--all-poses"])
    file = calibration_path(path)
    file.write_text(damage(json.loads(file.read_text())))
    with pytest.raises(ModelError) as caught:
        read_calibration(path, read_card(path, EmotionCard))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_calibrate_fails_in_one_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "faces.npz", noise(np.arange(7)) | {"usage": np.zeros(7, np.int8)})
    for arguments in ([str(model), str(tmp_path / "faces.npz")], [str(tmp_path / "absent.tflite"), str(model)]):
        assert calibrate.main(arguments) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not calibration_path(model.with_suffix(".json")).exists()


def test_shipped_calibration_fits_the_shipped_model() -> None:
    path = SHIPPED / "emotions.json"
    if not calibration_path(path).exists():
        pytest.skip("models/emotions.calibration.json is not there (python -m models.calibrate makes it)")
    for head in HEADS:
        found, sentence = find_calibration(path, read_card(path, EmotionCard), head)
        assert found is not None, sentence
        assert found.thresholds
