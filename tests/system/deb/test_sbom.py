"""The list of contents of a package or an image."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT


def sbom(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/sbom.py"), str(root), "--name", "image", "--version", "1.2"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_python_debian_and_models_with_versions_and_licences(tmp_path: Path) -> None:
    site = tmp_path / "usr/lib/edge/lib/python3.13/site-packages"
    about = site / "lib_ours-1.2.dist-info"
    about.mkdir(parents=True)
    about.joinpath("METADATA").write_text(
        "Metadata-Version: 2.4\nName: Lib.ours\nVersion: 1.2\nLicense-Expression: MIT AND BSD-3-Clause\n"
    )
    models = site / "edge/_shipped/models"
    models.mkdir(parents=True)
    card = {"file": "faces.tflite", "name": "faces", "sha256": "ab" * 32, "license": "a licence of its own"}
    (models / "faces.json").write_text(json.dumps(card))
    (models / "pose.json").write_text("{}")  # no model
    status = tmp_path / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for name in ("libc6", "edge"):
        (status / name).write_text(f"Package: {name}\nVersion: 1:2.41-12+deb13u1\nArchitecture: amd64\n")
    done = sbom(tmp_path)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    parts = {each["name"]: each for each in found["components"]}
    assert set(parts) == {"lib.ours", "faces", "libc6"}
    assert parts["lib.ours"]["licenses"] == [{"expression": "MIT AND BSD-3-Clause"}]
    assert parts["lib.ours"]["purl"] == "pkg:pypi/lib.ours@1.2"
    assert parts["faces"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert parts["faces"]["licenses"] == [{"license": {"name": "a licence of its own"}}]
    assert parts["libc6"]["purl"] == "pkg:deb/debian/libc6@1%3A2.41-12%2Bdeb13u1?arch=amd64&distro=debian-13"
    assert sbom(tmp_path).stdout == done.stdout


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    done = sbom(tmp_path)
    assert done.returncode == 1
    assert "is it the file system of a package or an image?" in done.stderr
