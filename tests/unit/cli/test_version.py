"""`edge version`: models by their bytes, packages with licences; a changed model is an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge import __version__
from edge.cli import run_command_line, version
from tests.support.paths import ROOT


def test_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["version"]) == 0
    assert capsys.readouterr().out == f"edge {__version__}\n"


def test_models_and_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["version", "--verbose", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    cards = [json.loads(path.read_text()) for path in (ROOT / "models").glob("*.json")]
    expected = {card["file"]: card["sha256"] for card in cards if "file" in card}
    assert {model["file"]: model["sha256"] for model in about["models"]} == expected
    assert len(expected) >= 4
    assert all(model["as_its_card_says"] for model in about["models"])
    assert {"numpy", "paho-mqtt"} <= {package["name"] for package in about["packages"]}
    assert run_command_line(["version", "--verbose"]) == 0
    said = capsys.readouterr().out
    assert f"emotions.tflite  sha256:{expected['emotions.tflite']}  as its card says" in said


def test_a_model_that_is_not_what_its_card_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (ROOT / "models").glob("emotions.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(version, "shipped", lambda _name: tmp_path)
    with (tmp_path / "emotions.tflite").open("r+b") as file:
        file.write(b"x")
    assert run_command_line(["version", "--verbose"]) == 1
    assert "IS NOT WHAT ITS CARD SAYS" in capsys.readouterr().out
    (tmp_path / "emotions.tflite").unlink()
    assert run_command_line(["version", "--verbose"]) == 1
