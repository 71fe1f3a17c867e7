"""The licences of what a package redistributes: named with their texts, or the package is not made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT


def copyright_of(site: Path, licence: str, text: str | None) -> subprocess.CompletedProcess[str]:
    about = site / "lib_ours-1.2.dist-info"
    (about / "licenses").mkdir(parents=True)
    about.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.4\nName: Lib.ours\nVersion: 1.2\nLicense-Expression: {licence}\n"
    )
    if text is not None:
        (about / "licenses/LICENSE").write_text(text)
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/debian/copyright.py"), str(site)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_accepted_licence_stands_there_with_its_text_and_source(tmp_path: Path) -> None:
    done = copyright_of(tmp_path, "MIT", "Copyright Somebody. Do what you like.")
    assert done.returncode == 0, done.stderr
    assert "lib.ours 1.2: MIT\nSource: https://pypi.org/project/lib.ours/1.2/" in done.stdout
    assert "Copyright Somebody. Do what you like." in done.stdout


@pytest.mark.parametrize(
    ("licence", "text", "problem"),
    [
        ("MIT AND GPL-3.0-only", "the text", "lib.ours is under MIT AND GPL-3.0-only: may it be passed on?"),
        ("MIT", None, "the wheel of lib.ours 1.2 has no text of its licence, MIT"),
    ],
)
def test_others_stop_the_package(tmp_path: Path, licence: str, text: str | None, problem: str) -> None:
    done = copyright_of(tmp_path, licence, text)
    assert done.returncode == 1
    assert problem in done.stderr


def test_debian_has_the_text_of_common_licences(tmp_path: Path) -> None:
    done = copyright_of(tmp_path, "Apache-2.0", None)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Its text: /usr/share/common-licenses/Apache-2.0\n\n")
