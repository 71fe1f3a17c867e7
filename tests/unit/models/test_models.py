"""The readers, rules, figures and commands around the models; no framework is needed to run these."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import quantize
from edge.model_files.cards import SHIPPED
from models import evaluate, pack, proof
from models.data import PRIVATE, PUBLIC, TRAIN, Faces, absolute_majority, read_npz, vote_majority, vote_shares
from models.labels import HEADS, LABELS
from models.metrics import Confusion, fit_temperature, negative_log_likelihood
from tests.support.faces_files import save
from tests.support.paths import ROOT

CARD = SHIPPED / "emotions.json"
ANGRY, DISGUST, FEAR, HAPPY, SAD, SURPRISE, NEUTRAL = range(7)
HAPPY_VOTES = (0, 10, 0, 0, 0, 0, 0, 0, 0, 0)
NO_FACE_VOTES = (0, 5, 0, 0, 0, 0, 0, 0, 0, 5)


def arrays() -> dict[str, NDArray[Any]]:
    """Six pictures: two good ones, a twin and a non-face to train on; a twin and a non-face to test on."""
    return {
        "images": np.arange(6, dtype=np.uint8)[:, None, None] + np.zeros((6, 48, 48), np.uint8),
        "label": np.array([HAPPY, SAD, HAPPY, FEAR, HAPPY, FEAR], np.int8),
        "usage": np.array([TRAIN, TRAIN, TRAIN, TRAIN, PUBLIC, PRIVATE], np.int8),
        "ferplus_votes": np.array(
            [HAPPY_VOTES, HAPPY_VOTES, HAPPY_VOTES, NO_FACE_VOTES, HAPPY_VOTES, NO_FACE_VOTES], np.uint8
        ),
        # Rows 0 and 1 are twins of each other, which harms nobody; row 2 is a twin of the test row 4.
        "dup_group": np.array([3, 3, 7, -1, 7, -1], np.int16),
    }


def written(folder: Path, content: dict[str, NDArray[Any]]) -> Path:
    path = folder / "faces.npz"
    save(path, content)
    return path


def test_reader_leaves_out_twins_of_test_pictures_and_what_is_no_face(tmp_path: Path) -> None:
    faces = read_npz(written(tmp_path, arrays()))
    assert faces.only("train").images[:, 0, 0].tolist() == [0, 1]
    assert faces.only("public").images[:, 0, 0].tolist() == [4]
    assert faces.only("private").images[:, 0, 0].tolist() == [5]
    assert faces.label.tolist() == [HAPPY, SAD, HAPPY, FEAR]


def test_packed_pictures_are_read_as_if_they_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {name: np.tile(array, (9, *[1] * (array.ndim - 1))) for name, array in arrays().items()}
    content["images"] = np.random.default_rng(1).integers(0, 256, (54, 48, 48)).astype(np.uint8)
    whole = written(tmp_path, content)
    monkeypatch.setattr(pack, "COLUMN", 10)
    packed = tmp_path / "packed.npz"
    assert pack.main([str(whole), "--output", str(packed)]) == 0
    faces, expected = read_npz(packed), read_npz(whole)
    expected = expected.where(expected.split != PRIVATE)
    for name, column in vars(expected).items():
        np.testing.assert_array_equal(vars(faces)[name], column)
    with np.load(packed) as archive:
        damaged = {name: archive[name] for name in archive}
    nothing = {"webp": damaged["webp"][:0], "webp_sizes": damaged["webp_sizes"][:0]}
    for harm in ({"webp_sizes": damaged["webp_sizes"] + 1}, {"webp": damaged["webp"][::-1]}, nothing):
        with pytest.raises(ValueError, match=r"faces\.npz: damaged"):
            read_npz(written(tmp_path, damaged | harm))


def test_reader_keeps_everything_when_asked(tmp_path: Path) -> None:
    assert len(read_npz(written(tmp_path, arrays()), clean=False)) == 6


@pytest.mark.parametrize("name", ["images", "label", "usage", "ferplus_votes", "dup_group"])
def test_reader_names_a_missing_array(tmp_path: Path, name: str) -> None:
    content = arrays()
    del content[name]
    with pytest.raises(ValueError, match=rf"no array named {name}$"):
        read_npz(written(tmp_path, content))


def test_reader_names_an_array_that_does_not_belong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"array label is \(5,\)"):
        read_npz(written(tmp_path, arrays() | {"label": np.zeros(5, np.int8)}))


@pytest.mark.parametrize("content", [b"", b"pixels,usage\n", b"PK\x03\x04 and no more", None])
def test_reader_refuses_other_files_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "faces.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"faces\.npz: ") as caught:
        read_npz(path)
    assert "\n" not in str(caught.value)


# neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, not a face
VOTES = {
    "happy wins": ((3, 6, 1, 0, 0, 0, 0, 0, 0, 0), HAPPY, {NEUTRAL: 0.3, HAPPY: 0.6, SURPRISE: 0.1}),
    "each in its place": ((0, 0, 0, 0, 4, 3, 2, 1, 0, 0), ANGRY, {ANGRY: 4 / 9, DISGUST: 3 / 9, FEAR: 2 / 9}),
    "a tie within the seven": ((5, 0, 0, 5, 0, 0, 0, 0, 0, 0), -1, {NEUTRAL: 0.5, SAD: 0.5}),
    "a tie with contempt": ((4, 0, 0, 1, 0, 0, 0, 5, 0, 0), -1, {}),
    "as many unknown": ((4, 2, 0, 0, 0, 0, 0, 0, 4, 0), -1, {NEUTRAL: 2 / 3, HAPPY: 1 / 3}),
    "no votes": ((0,) * 10, -1, {}),
}


@pytest.mark.parametrize(("votes", "majority", "shares"), VOTES.values(), ids=VOTES.keys())
def test_votes(votes: tuple[int, ...], majority: int, shares: dict[int, float]) -> None:
    raw = np.array([votes], np.uint8)
    assert vote_majority(raw).tolist() == [majority]
    assert vote_shares(raw)[0] == pytest.approx([shares.get(label, 0.0) for label in range(7)])


@pytest.mark.parametrize(
    ("votes", "majority"),
    [
        ((3, 6, 1, 0, 0, 0, 0, 0, 0, 0), HAPPY),
        ((5, 1, 1, 1, 1, 1, 0, 0, 0, 0), NEUTRAL),  # half of ten; but the others are single votes
        ((5, 3, 2, 0, 0, 0, 0, 0, 0, 0), -1),  # a unique majority, of half
        ((2, 0, 0, 0, 0, 0, 0, 6, 0, 0), -1),  # contempt
        ((0,) * 10, -1),
    ],
)
def test_absolute_majority_drops_single_votes(votes: tuple[int, ...], majority: int) -> None:
    assert absolute_majority(np.array([votes], np.uint8)).tolist() == [majority]


def test_truth_of_each_head(tmp_path: Path) -> None:
    public = read_npz(written(tmp_path, arrays())).only("private")
    assert public.truth("fer2013").tolist() == [FEAR]
    assert public.truth("ferplus").tolist() == [-1]


def test_figures_of_a_known_confusion() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1, -1, -1])
    guess = np.array([0, 0, 0, 1, 1, 0, 2, 0])
    confusion = Confusion.of(truth, guess, 3)
    assert confusion.counts.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert confusion.rows == 6
    assert confusion.accuracy == pytest.approx(4 / 6)
    assert confusion.recall[:2] == pytest.approx([3 / 4, 1 / 2])
    assert confusion.precision[:2] == pytest.approx([3 / 4, 1 / 2])
    assert np.isnan([confusion.recall[2], confusion.precision[2], confusion.f1[2]]).all()
    assert confusion.balanced_accuracy == pytest.approx(5 / 8)
    assert confusion.macro_f1 == pytest.approx(5 / 8)


def test_figures_of_nothing_are_not_numbers() -> None:
    nothing = Confusion.of(np.array([-1]), np.array([0]), 3)
    assert np.isnan([nothing.accuracy, nothing.balanced_accuracy, nothing.macro_f1]).all()


def test_temperature_makes_overconfident_logits_honest() -> None:
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 1.5, (4000, 7)).astype(np.float32)
    truth = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)  # drawn from the softmax of `honest`
    truth[:100] = -1
    temperature = fit_temperature(honest * 3, truth)
    assert temperature == pytest.approx(3, rel=0.1)
    loss = [negative_log_likelihood(honest[100:] * 3, truth[100:], t) for t in (temperature, 1.0)]
    assert loss[0] < loss[1]


def test_temperature_of_perfect_logits_stays_within_its_limits() -> None:
    assert 0.05 <= fit_temperature(np.eye(7, dtype=np.float32), np.arange(7)) < 0.06
    assert fit_temperature(np.eye(7, dtype=np.float32), np.full(7, -1)) == 1.0


def test_quantised_model_that_disagrees_or_loses_is_refused_with_the_numbers() -> None:
    truth = np.arange(100) % 7
    before = np.eye(7, dtype=np.float32)[truth]
    after = before.copy()
    after[:10] = np.roll(after[:10], 1, axis=1)
    proven = proof.prove(before, after, truth)
    assert (proven.float_accuracy, proven.int8_accuracy, proven.agreement) == (1.0, 0.9, 0.9)
    assert proof.faults_of({"ferplus": proven}, 0.9, 0.1 + 1e-9) == []
    faults = proof.faults_of({"ferplus": proven}, 0.95, 0.01)
    assert len(faults) == 2
    assert "90.00%" in faults[0]
    assert "10.00%" in faults[1]


def test_quantised_model_without_labels_to_prove_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="no label"):
        proof.prove(np.zeros((1, 7), np.float32), np.zeros((1, 7), np.float32), np.array([-1]))


def test_calibration_pictures_are_the_same_every_time_and_never_from_a_test_split(tmp_path: Path) -> None:
    faces = read_npz(written(tmp_path, arrays()))
    first, second = (quantize.calibration(faces, 400, 1) for _ in range(2))
    assert len(first) == 2
    assert np.array_equal(first, second)
    samples = [proof.Geometry(48, 48, 1, -1, 1).sample(picture) for picture in first]
    assert all(sample.shape == (1, 48, 48, 1) and sample.dtype == np.float32 for sample in samples)
    assert {round(float(sample.max() + 1) * 127.5) for sample in samples} == {0, 1}


@pytest.mark.parametrize(("given", "degrees"), [([], 3.0), (["--crop-upright-from", "180"], 180.0)])
def test_a_card_has_tilted_faces_turned_upright_unless_told_otherwise(given: list[str], degrees: float) -> None:
    # A model of ours was once judged without it, and lost two faces of sixty-one to that alone.
    args = quantize.argument_parser().parse_args(["m.onnx", "--data", "d.npz", "--output", "m.tflite", *given])
    card = quantize.make_card(args, b"model", proof.Geometry(48, 48, 1, -1, 1))
    assert card["crop"]["upright_from"] == degrees


@pytest.mark.parametrize("name", ["absent.tflite", "absent.onnx", "model.h6", "rubbish.tflite"])
def test_quantize_fails_in_one_line(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    model, output = tmp_path / name, tmp_path / "out" / "emotions.tflite"
    if name.startswith("rubbish"):
        model.write_bytes(b"this is not a model")
    status = quantize.main([str(model), "--data", str(written(tmp_path, arrays())), "--output", str(output)])
    told = capsys.readouterr().err.splitlines()
    assert status == 1
    assert len(told) == 1
    assert told[0].startswith("quantize.py: ")
    assert not output.parent.exists()


@pytest.mark.parametrize("command", [["quantize.py"], ["-m", "models.evaluate"], ["-m", "models.export"]])
def test_help_has_examples_and_needs_no_framework(command: list[str]) -> None:
    done = subprocess.run([sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "example" in done.stdout


@pytest.fixture(scope="session")
def shipped() -> Path:
    if not CARD.exists():
        pytest.skip("models/emotions.json is not there (python quantize.py makes it)")
    return CARD


def noise(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    content = arrays() | {"images": rng.integers(0, 256, (6, 48, 48)).astype(np.uint8)}
    return written(folder, content | {"usage": np.full(6, PUBLIC, np.int8)})


def test_evaluate_scores_the_shipped_model(shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(shipped), str(noise(tmp_path)), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["outputs"]) == set(HEADS)
    assert report["ms_per_face"] > 0
    for head, pictures in (("fer2013", 6), ("ferplus", 4)):
        result = report["outputs"][head]
        assert result["pictures"] == np.sum(result["confusion"]) == pictures
        assert result["accuracy"] == pytest.approx(np.trace(result["confusion"]) / pictures, abs=1e-4)
        assert set(result["classes"]) == set(LABELS)


def test_evaluate_prints_a_table(shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(shipped), str(noise(tmp_path))]) == 0
    told = capsys.readouterr().out
    assert "ferplus: 4 pictures" in told
    assert "rows: truth, columns: guess" in told


def test_evaluate_of_an_empty_split_says_so(shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(shipped), str(noise(tmp_path)), "--split", "private"]) == 1
    assert "no pictures" in capsys.readouterr().err


def test_evaluate_refuses_labels_that_the_data_do_not_have(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = json.loads(shipped.read_text())
    card["outputs"]["ferplus"]["labels"][0] = "bored"
    (tmp_path / "mine.json").write_text(json.dumps(card))
    assert evaluate.main([str(tmp_path / "mine.json"), str(noise(tmp_path))]) == 1
    assert "bored" in capsys.readouterr().err


def test_shrunken_faces_keep_their_size_and_lose_detail(tmp_path: Path) -> None:
    faces: Faces = read_npz(noise(tmp_path))
    small = evaluate.shrink(faces.images)
    assert small.shape == faces.images.shape
    assert small.dtype == np.uint8
    assert small.std() < faces.images.std() / 1.5
