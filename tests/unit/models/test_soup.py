"""Averaging the weights of runs; skipped where PyTorch is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed (pip install -r models/requirements-train.txt)", exc_type=ImportError
)
pytest.importorskip("tqdm", reason="tqdm is not installed (pip install -r models/requirements-train.txt)")

from models import soup  # noqa: E402 - after the check for PyTorch
from models.data import PUBLIC, TRAIN  # noqa: E402
from models.export import load  # noqa: E402
from models.networks import NETWORKS  # noqa: E402
from tests.support.faces_files import noise, save  # noqa: E402


@pytest.fixture
def data(tmp_path: Path) -> Path:
    split = np.array([TRAIN, PUBLIC])[np.arange(70) % 2]
    save(tmp_path / "faces.npz", {**noise(np.arange(70) % 7), "usage": split})
    return tmp_path / "faces.npz"


def run_of(folder: Path, seed: int, name: str = "cnn") -> Path:
    torch.manual_seed(seed)
    path = folder / f"{name}-{seed}.pt"
    torch.save({"network": name, "state": NETWORKS[name]().state_dict(), "epoch": seed}, path)
    return path


def test_a_soup_has_the_mean_of_the_weights_and_statistics_of_its_own(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, output = run_of(tmp_path, 1), run_of(tmp_path, 2), tmp_path / "new" / "soup.pt"
    one, other = (load(path)[0].state_dict() for path in (first, second))
    assert soup.main([str(first), str(second), "--data", str(data), "--output", str(output)]) == 0
    made, facts = load(output)
    for name, value in made.state_dict().items():
        if "running" in name:
            assert not torch.equal(value, one[name])  # fresh networks have 0 and 1
        elif value.is_floating_point():
            assert torch.allclose(value, (one[name] + other[name]) / 2)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["PublicTest", str(first), str(second), str(output)]
    assert facts["epoch"].count("(") == 2
    networks = [load(path)[0] for path in (first, second)]
    soup.mean(networks)
    assert all(torch.equal(value, one[name]) for name, value in networks[0].state_dict().items())  # scored as they were


def test_runs_of_different_networks_are_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(run_of(tmp_path, 1)), str(run_of(tmp_path, 1, "mobilenet-v4-small"))]
    assert soup.main([*runs, "--data", str(data), "--output", str(tmp_path / "soup.pt")]) == 1
    assert "different networks: cnn, mobilenet-v4-small" in capsys.readouterr().err
    assert not (tmp_path / "soup.pt").exists()


def test_the_same_seed_gives_the_same_soup(data: Path, tmp_path: Path) -> None:
    first, states = run_of(tmp_path, 1), []
    for name in ("a.pt", "b.pt"):
        assert soup.main([str(first), "--data", str(data), "--output", str(tmp_path / name)]) == 0
        states.append(load(tmp_path / name)[0].state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
