"""The shipped model as a teacher: what it says about every view, in the form that models.views reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.model_files.cards import EmotionCard, emotion_card_path, read_card
from edge.vision.tflite import Model
from models.ask_quantised import main
from models.labels import HEADS
from models.runner import predict


def test_it_writes_what_the_model_says(tmp_path: Path) -> None:
    path = emotion_card_path("emotions.json")
    views = np.random.default_rng(1).integers(0, 255, (3, 2, 48, 48)).astype(np.uint8)
    np.save(tmp_path / "views.npy", views)
    assert main([str(path), str(tmp_path)]) == 0
    card = read_card(path, EmotionCard)
    (told,) = tmp_path.glob("told-*.npy")
    assert told.stem == f"told-{card.identity.rpartition('@')[2]}"
    found = np.load(told)
    assert found.shape == (3, 2, len(HEADS), 7)
    flat = views.reshape(-1, 48, 48)
    straight, mirrored = (predict(Model(path, card), card, each).logits for each in (flat, flat[..., ::-1].copy()))
    for number, head in enumerate(HEADS):
        expected = (straight[head] + mirrored[head]) / 2
        assert found[:, :, number].reshape(-1, 7) == pytest.approx(expected, abs=0.02)


def test_what_is_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(emotion_card_path("emotions.json")), str(tmp_path)]) == 1
    assert "models.ask_quantised: " in capsys.readouterr().err
