"""The experiment on shares: its rooms, the methods that lost, and the command on a handful of faces."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.model_files.calibration import OutputCalibration
from edge.model_files.cards import SHIPPED
from models import prevalence
from models.calibrate import fit_bias, measure
from models.metrics import fit_temperature, softmax
from models.prevalence_report import as_markdown
from models.quantifiers import Known, biased, compare_with_quapy, methods, onto_simplex
from models.rooms import FRAMES, MIXTURES, VIEWS, class_shares, draw, film, view

TRUTH = np.repeat(np.arange(7), 30)


def logits(truth: NDArray[np.int64], seed: int = 0) -> NDArray[np.float32]:
    """A classifier that is right in about two of three cases, and a little too fond of the last class."""
    rng = np.random.default_rng(seed)
    favour = 2.0 * np.eye(7)[truth] + np.array([0] * 6 + [0.8])
    noisy: NDArray[np.float32] = (favour + rng.normal(0, 1, favour.shape)).astype(np.float32)
    return noisy


def known() -> OutputCalibration:
    return OutputCalibration.model_validate(measure(logits(TRUTH), TRUTH, fit_temperature(logits(TRUTH), TRUTH)))


# Rooms


@pytest.mark.parametrize("mixture", MIXTURES)
def test_rooms_are_of_the_wanted_size_and_mixture(mixture: str) -> None:
    rng = np.random.default_rng(0)
    rooms = [draw(rng, mixture, 50, TRUTH) for _ in range(300)]
    assert {len(room) for room in rooms} == {50}
    shares = np.mean([class_shares(TRUTH[room]) for room in rooms], axis=0)
    assert shares == pytest.approx(np.array(MIXTURES[mixture]) / sum(MIXTURES[mixture]), abs=0.04)


def test_in_a_film_faces_come_go_and_change() -> None:
    shown = film(np.random.default_rng(0), "uniform", 400, TRUTH)
    assert shown.present.shape == shown.pictures.shape == shown.views.shape == (400, FRAMES)
    assert shown.present.any(axis=1).all()
    assert 0.55 < shown.present.all(axis=1).mean() < 0.7
    changes = (np.diff(shown.pictures, axis=1) != 0).sum(axis=1)
    assert set(changes) == {0, 1}
    assert 0.05 < changes.mean() < 0.25
    assert shown.views.min() == 0
    assert shown.views.max() == VIEWS - 1


def test_views_differ_but_little() -> None:
    ramp = np.tile(np.arange(48, dtype=np.uint8) * 5, (20, 48, 1))
    seen = view(ramp, np.random.default_rng(0))
    assert seen.shape == ramp.shape
    assert seen.dtype == np.uint8
    assert 1 < np.abs(seen.astype(int) - ramp).mean() < 40


# Methods


def test_the_bias_makes_every_class_as_frequent_as_it_is() -> None:
    truth = np.repeat(np.arange(7), [5, 10, 20, 40, 80, 160, 320])
    logs = np.log(softmax(logits(truth), 1.0))
    bias = fit_bias(logs, truth)
    assert bias.sum() == pytest.approx(0, abs=1e-9)
    before, after = np.exp(logs).sum(axis=0), biased(np.exp(logs), bias).sum(axis=0)
    assert np.abs(after - np.bincount(truth)).max() < 3 < np.abs(before - np.bincount(truth)).max()


def test_the_bias_of_a_class_that_is_never_guessed_is_finite() -> None:
    logs = np.log(np.array([[0.5, 0.5 - 1e-30, 1e-30]] * 40 + [[1e-30, 1 - 2e-30, 1e-30]] * 40))
    bias = fit_bias(logs, np.repeat([0, 1, 2], [30, 40, 10]))
    assert np.isfinite(bias).all()
    assert np.abs(bias).max() < 20


def test_methods_correct_a_large_room() -> None:
    calibration = known()
    arrays = Known.of(calibration)
    truth = np.repeat(np.arange(7), [600, 300, 900, 50, 50, 50, 50])
    said = softmax(logits(truth, seed=1), calibration.temperature)[None]
    errors = {}
    for name, method in methods(arrays).items():
        shares = method(said)[0]
        assert shares.sum() == pytest.approx(1)
        assert shares.min() >= 0
        errors[name] = np.abs(shares - class_shares(truth)).mean()
    assert max(errors[name] for name in errors if name.startswith(("EM", "adjusted"))) < 0.8 * errors["counts"]


def test_onto_the_simplex_by_hand() -> None:
    points = np.array([[0.2, 0.3, 0.5], [1.0, 1.0, 0.0], [2.0, 0.0, -5.0], [0.5, 0.5, 0.3]])
    expected = [[0.2, 0.3, 0.5], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.4, 0.4, 0.2]]
    assert onto_simplex(points) == pytest.approx(np.array(expected))


def test_methods_agree_with_quapy() -> None:
    pytest.importorskip("quapy", reason="QuaPy is not installed (models/requirements-quapy.txt)")
    calibration = known()
    said = softmax(logits(np.repeat(np.arange(7), 40), seed=2), calibration.temperature)
    differences = compare_with_quapy(said.reshape(7, 40, 7), Known.of(calibration))
    assert max(value for name, value in differences.items() if "adjusted" not in name) < 1e-3


# The experiment


def test_estimates_beat_counts_in_its_rooms() -> None:
    calibration = known()
    other = logits(TRUTH, seed=5)
    still = softmax(other, calibration.temperature).astype(np.float32)
    views = np.stack([softmax(other + 0.1 * n, calibration.temperature) for n in range(VIEWS)], axis=1)
    result = prevalence.score(prevalence.Said(still, views.astype(np.float32), TRUTH), calibration, {25: 40})
    for cells in result["mixtures"].values():
        for kind in ("still", "filmed"):
            assert cells["25"][kind]["estimate"] < cells["25"][kind]["counts"]
            assert 0.7 < cells["25"][kind]["coverage"] <= 1


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """PublicTest and PrivateTest of noise, ten pictures per class each."""
    label = np.tile(np.repeat(np.arange(7), 10), 2)
    votes = np.zeros((140, 10), np.uint8)
    votes[np.arange(140), np.array([4, 5, 6, 1, 3, 2, 0])[label]] = 10
    images = np.random.default_rng(1).integers(0, 256, (140, 48, 48), np.uint8)
    np.savez(tmp_path / "noise.npz", images=images, label=label, usage=np.repeat([1, 2], 70), ferplus_votes=votes,
             dup_group=np.full(140, -1))  # fmt: skip
    return tmp_path / "noise.npz"


def test_the_command_writes_figures_and_plots(
    noise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prevalence, "SIZES", {5: 2, 25: 2})
    output = tmp_path / "out"
    arguments = [str(noise), "--model", str(SHIPPED / "emotions.json"), "--output", str(output)]
    assert prevalence.main(arguments) == 0
    assert "| uniform | 25 |" in capsys.readouterr().out
    result = json.loads((output / "prevalence.json").read_text())
    assert set(result["mixtures"]) == set(MIXTURES)
    assert set(result["mixtures"]["uniform"]["5"]["still"]["methods"]) == set(methods(Known.of(known())))
    assert as_markdown(result).count("\n| uniform |") == 6
    plots = sorted(output.glob("*.svg"))
    assert len(plots) == 4
    for plot in plots:
        assert ET.parse(plot).getroot().tag.endswith("svg")  # noqa: S314 - our own file
    assert prevalence.main([*arguments, "--choose"]) == 0


def test_the_command_fails_in_one_line(noise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("emotions.json", "emotions.tflite"):
        shutil.copy(SHIPPED / name, folder)
    for arguments in (
        [str(tmp_path / "none.npz"), "--model", str(SHIPPED / "emotions.json")],
        [str(noise), "--model", str(tmp_path / "none.json")],
        [str(noise), "--model", str(folder / "emotions.tflite")],  # without its calibration file
    ):
        assert prevalence.main(arguments) == 1
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
