"""The units of systemd: alike, and well hardened; tests/system/systemd boots them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ANALYZE = shutil.which("systemd-analyze")


def settings(unit: str) -> list[str]:
    return [line for line in (ROOT / "systemd" / unit).read_text().splitlines() if line and not line.startswith("#")]


def test_both_units_differ_in_their_names_only() -> None:
    one, many = settings("edge.service"), settings("edge@.service")
    different = [(a, b) for a, b in zip(one, many, strict=True) if a != b]
    assert [a.partition("=")[0] for a, _ in different] == [
        "Description", "ExecStart", "EnvironmentFile", "LoadCredential", "StateDirectory", "User",
    ]  # fmt: skip
    assert all("%i" in b for _, b in different)


@pytest.mark.parametrize("unit", ["edge.service", "edge@.service"])
def test_the_units_are_well_hardened(unit: str) -> None:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed")
    command = [ANALYZE, "security", "--offline=true", "--threshold=19", "--no-pager", str(ROOT / "systemd" / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is too old for --offline")
    # 0.3 of it for asking whether the clock is set; that nothing inside can set it tests/system/systemd sees.
    assert done.returncode == 0, f"the exposure is above 1.9:\n{done.stdout}{done.stderr}"


def test_edge_at_dashboard_says_why_it_does_not_start_and_opens_nothing(
    edge: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "edge-dashboard"
    state.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    process = edge("run", "--set", "mqtt.broker=mqtt://127.0.0.1:1")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 78, err
    assert "an instance called dashboard would share user and files with edge-dashboard.service" in err
    assert "Traceback" not in out + err
    assert list(state.iterdir()) == []
