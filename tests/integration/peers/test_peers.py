"""`python -m tests.system.peers`: scoring, and what happens where a peer is not to be had. The peers are too large."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.system.peers.catalogue import PEERS, SkippedError
from tests.system.peers.score import Score, Truth, score, shown
from tests.system.peers.talk import Worker


def test_we_alone_are_compared_with_ourselves(tmp_path: Path) -> None:
    words = f"-m tests.system.peers --only nobody --faces 6 --rounds 2 --json {tmp_path / 'p.json'}"
    run = subprocess.run([sys.executable, *words.split()], capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr
    (row,) = json.loads((tmp_path / "p.json").read_text())["peers"]
    assert (row["times_ours"], row["found"]) == (1, 6)
    assert "edge (this project)" in run.stdout


def test_without_node_its_peer_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SkippedError, match="node and npm"):
        PEERS[-1].command()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", ["import nothing_of_this_name", "print('{}'); input(); raise SystemExit('enough')"])
def test_a_worker_that_ends_says_why(tmp_path: Path, code: str) -> None:
    with pytest.raises(SkippedError, match="nothing_of_this_name|enough"):
        Worker([sys.executable, "-c", code], tmp_path / "log").ask(tmp_path, 1, 1)


def test_each_true_face_is_found_once_and_uncounted_ones_are_neutral() -> None:
    truth = Truth(
        np.array([[0, 0, 40, 40], [100, 0, 12, 12], [200, 0, 5, 5]], np.float32), np.array([True, True, False])
    )
    faces = np.array([[0, 0, 40, 40, 0.9], [2, 0, 40, 40, 0.8], [100, 0, 12, 12, 0.7], [200, 0, 5, 5, 0.6]])
    assert score(faces, truth) == Score(hits=2, wrong=1, large=1, large_hits=1)
    nobody = score(np.empty((0, 5)), truth)
    assert nobody == Score(hits=0, wrong=0, large=1, large_hits=0)
    assert (nobody + nobody).large == 2
    assert (nobody.recall, nobody.precision) == (0, 0)


def test_the_truth_is_scaled_as_the_picture() -> None:
    faces = [{"box": [10, 10, 12, 12], "invalid": False}, {"box": [0, 0, 90, 90], "invalid": True}]
    truth = shown({"faces": faces}, 0.5)
    assert truth.boxes.tolist() == [[5, 5, 6, 6], [0, 0, 45, 45]]
    assert not truth.counts.any()
