"""The units of systemd: alike, and well hardened; tests/system/systemd boots them."""

from __future__ import annotations

import shutil
import subprocess

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
    command = [ANALYZE, "security", "--offline=true", "--threshold=16", "--no-pager", str(ROOT / "systemd" / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is too old for --offline")
    assert done.returncode == 0, f"the exposure is above 1.6:\n{done.stdout}{done.stderr}"
