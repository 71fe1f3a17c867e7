"""A file of faces, and the shipped model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.model_files.cards import SHIPPED
from models.data import PUBLIC
from tests.support.faces_files import VOTE_COLUMN, noise, save
from tests.support.paths import FER2013


@pytest.fixture(scope="session")
def faces_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """29 PublicTest pictures of each FERPlus class when FER2013 is there, else as much noise."""
    path = tmp_path_factory.mktemp("data") / "a & b.npz"
    if FER2013.exists():
        with np.load(FER2013) as archive:
            content = {name: archive[name] for name in ("images", "label", "usage", "ferplus_votes", "dup_group")}
        votes = content["ferplus_votes"]
        best = np.where((votes == votes.max(axis=1, keepdims=True)).sum(axis=1) == 1, votes.argmax(axis=1), -1)
        best[content["usage"] != PUBLIC] = -1
        rows = np.concatenate([np.flatnonzero(best == column)[:29] for column in VOTE_COLUMN])
        save(path, {name: array[rows] for name, array in content.items()})
    else:
        save(path, noise(np.arange(203) % 7))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped emotion model and its card, without a calibration file."""
    card = SHIPPED / "emotions.json"
    if not card.exists():
        pytest.skip("models/emotions.json is not there (python quantize.py makes it)")
    folder = tmp_path / "models"
    folder.mkdir()
    for file in (card, card.with_suffix(".tflite")):
        shutil.copy(file, folder)
    return folder / "emotions.tflite"
