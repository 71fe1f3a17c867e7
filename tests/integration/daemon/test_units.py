"""The units of systemd: alike, and well hardened; tests/system/systemd boots them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

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


def test_each_way_to_start_a_camera_allows_to_keep_its_pictures_off_the_disk() -> None:
    """The program does it; locked memory needs the leave of whoever starts it."""
    for unit in ("edge.service", "edge@.service"):
        assert {"LimitCORE=0", "LimitMEMLOCK=infinity", "MemorySwapMax=0"} <= set(settings(unit))
    compose = yaml.safe_load((ROOT / "docs/container/compose.yaml").read_text())["services"]
    assert compose["room"]["ulimits"] == {"core": 0, "memlock": -1}
    assert all(service["ulimits"]["core"] == 0 for service in compose.values())
    for line in (ROOT / "docs/container.md").read_text().splitlines():
        assert not re.match(r"docker run .* run\b", line) or "--ulimit core=0 " in line


def test_what_runs_for_good_writes_no_figures_into_a_log() -> None:
    image = (ROOT / "scripts/image.sh").read_text()
    compose = yaml.safe_load((ROOT / "docs/container/compose.yaml").read_text())["services"]
    assert "--cmd 'run --quiet' " in image
    assert compose["room"]["command"] == ["run", "--quiet"]
    for unit in ("edge.service", "edge@.service"):
        assert any(line.startswith("ExecStart=") and line.endswith(" --quiet") for line in settings(unit))


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
