"""systemd/install.sh, to be run below a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

VENV = """
prepare_venv() {
  mkdir -p "$root/.venv/bin"
  ln -s %s "$root/.venv/bin/python"
  printf '#!/bin/sh\\necho edge "$@"\\n' >"$root/.venv/bin/edge"
  chmod +x "$root/.venv/bin/edge"
}
ready_to_run() { [[ -x $root/.venv/bin/edge ]]; }
prepare_pages_venv() { touch "$root/.venv/pages.stamp"; }
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the repository in which the Python environment is made in a moment."""
    copy = tmp_path / "tree"
    shutil.copytree(ROOT / "edge", copy / "edge", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "systemd", copy / "systemd")
    (copy / "models").mkdir()
    (copy / "scripts/debian").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/debian/postrm", copy / "scripts/debian")
    for pattern in ("models/*.json", "models/*.tflite", "scripts/*.py", "*.lock", "*.md", "LICENSE", "*.toml"):
        for file in ROOT.glob(pattern):
            shutil.copy(file, copy / file.relative_to(ROOT))
    shutil.copy(ROOT / "config.yaml", copy)
    (copy / "scripts/venv.sh").write_text(VENV % sys.executable)
    return copy


@pytest.fixture
def install(tree: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs install.sh below `tmp_path`/root; returns what it said."""

    def run(*arguments: str, fails: bool = False) -> str:
        command = [str(tree / "systemd/install.sh"), "--prefix", str(tmp_path / "root"), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    return run
