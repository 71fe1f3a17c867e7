"""The shipped weights as the start of a training run; skipped where PyTorch is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.model_files.cards import EmotionCard, emotion_card_path, read_card
from edge.vision.tflite import Model
from models.data import TRAIN
from models.labels import HEADS
from models.runner import predict
from tests.support.faces_files import noise, save

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed (pip install -r models/requirements-train.txt)", exc_type=ImportError
)

from models.export import load  # noqa: E402 - after the check for PyTorch
from models.from_quantised import main  # noqa: E402
from models.networks import to_input  # noqa: E402

CARD = emotion_card_path("emotions.json")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Seventy pictures of noise to train on."""
    save(tmp_path / "faces.npz", {**noise(np.arange(70) % 7), "usage": np.full(70, TRAIN)})
    return tmp_path / "faces.npz"


def test_the_network_says_what_the_file_says(tmp_path: Path, data: Path) -> None:
    assert main([str(CARD), str(data), "--output", str(tmp_path / "best.pt")]) == 0
    network, _ = load(tmp_path / "best.pt")
    pictures = np.load(data)["images"]
    card = read_card(CARD, EmotionCard)
    shipped = predict(Model(CARD, card), card, pictures).logits
    with torch.no_grad():
        told = network(to_input(torch.from_numpy(pictures)))
        learning = network.train()(to_input(torch.from_numpy(pictures)))
    for head, logits, in_training in zip(HEADS, told, learning, strict=True):
        spread = shipped[head].std()
        assert np.abs(logits.numpy() - shipped[head]).mean() < 0.15 * spread  # int8 rounds between the layers
        # The batch's own statistics are nearly those that were written down: the first step begins from sense.
        assert np.abs(in_training.numpy() - logits.numpy()).mean() < spread


def test_another_network_is_one_line(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(CARD), str(data), "--network", "cnn", "--output", str(tmp_path / "best.pt")]) == 1
    assert "is not cnn: " in capsys.readouterr().err
    assert not (tmp_path / "best.pt").exists()
