"""What a user has set for pip elsewhere does not reach the environment that `./run` and `./test` make."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT


@pytest.mark.parametrize("how", ["environment", "pip.conf"])
def test_packages_go_into_the_environment(tmp_path: Path, how: str) -> None:
    wheel = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny.py", "")
        file.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        file.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tiny-1.dist-info/RECORD", "")
    venv.create(tmp_path / ".venv", with_pip=True)
    elsewhere = {"user": "1", "require-hashes": "1"}
    if how == "environment":
        elsewhere |= {"target": f"{tmp_path}/target", "prefix": f"{tmp_path}/prefix"}
    for key, value in elsewhere.items():
        settings = {key: value}
        environment = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        environment |= {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
        if how == "environment":
            environment |= {f"PIP_{name.upper().replace('-', '_')}": text for name, text in settings.items()}
        else:
            environment["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")
            (tmp_path / "pip.conf").write_text("[install]\n" + "".join(f"{n} = {t}\n" for n, t in settings.items()))
        install = f'root={tmp_path}; source {ROOT}/scripts/venv.sh; "$python" -m pip install -qq --no-index --no-deps'
        command = ["bash", "-euc", f"{install} --force-reinstall {wheel}"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{settings}: {done.stderr}"
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        assert (tmp_path / f".venv/lib/{version}/site-packages/tiny.py").exists(), settings
        for name in ("target", "prefix", ".local"):
            assert not (tmp_path / name).exists(), settings
