"""Any room under any locale: nothing that is printed fails, and everybody finds the same files."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.brokers import Subscriber
from tests.support.paths import ROOT

ROOM = "Žižkov Zürich 教室"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(params=["Latin-1", "ASCII"])
def narrow(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The variables of a locale that cannot write the name of the room."""
    if request.param == "ASCII":
        return ASCII
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/charmaps/ISO-8859-1.gz").exists():
        pytest.skip("localedef cannot make a Latin-1 locale here (apt-get install locales)")
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / "de_DE.ISO-8859-1")]
    subprocess.run(command, check=True, capture_output=True)
    return {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": str(tmp_path)}


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    return {**kept, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "100", **more}


def run(tmp_path: Path, narrow: dict[str, str], *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "edge", *arguments]
    return subprocess.run(
        command, env=environment(tmp_path, **narrow), cwd=tmp_path, capture_output=True, check=False, timeout=60
    )


def test_a_room_of_any_name_under_a_narrow_locale(
    broker: int, edge: Callable[..., subprocess.Popen[str]], subscribe: Callable[..., Subscriber],
    tmp_path: Path, narrow: dict[str, str],
) -> None:  # fmt: skip
    file = tmp_path / "config.yaml"
    settings = {
        "device": {"name": ROOM}, "camera": {"source": "sample"}, "window": {"seconds": 1}, "vision": {"fps": 2},
    }  # fmt: skip
    file.write_text(json.dumps({**settings, "mqtt": {"broker": f"mqtt://127.0.0.1:{broker}"}}, ensure_ascii=False))
    edge("run", "--config", str(file))  # the service, under UTF-8
    subscribe(broker).wait("window", 2)
    for arguments in (["pause", "--by", "me"], ["resume"], ["watch", "--once"], ["check"], ["--help"], ["schema"]):
        done = run(tmp_path, narrow, *arguments)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), (arguments, done.stderr)
    assert json.loads(run(tmp_path, narrow, "schema", "window").stdout)


def test_an_argument_is_read_in_the_encoding_of_the_terminal(tmp_path: Path) -> None:
    if not Path("/usr/share/i18n/charmaps/ISO-8859-1.gz").exists():
        pytest.skip("localedef cannot make a Latin-1 locale here (apt-get install locales)")
    subprocess.run(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", f"{tmp_path}/de_DE.ISO-8859-1"], check=True)
    latin = {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": str(tmp_path)}
    run(tmp_path, latin, "pause", "--set", "device.name=Zürich".encode("latin-1"))
    assert (tmp_path / "state/edge/classroom-Zürich.pause").exists()


@pytest.mark.parametrize(("terminal", "shown"), [(True, "found 'Z?#'"), (False, r"found 'Z\u017d\u2588'")])
def test_what_cannot_be_shown(tmp_path: Path, *, terminal: bool, shown: str) -> None:
    mine, theirs = pty.openpty() if terminal else os.pipe()[:2]
    with subprocess.Popen(
        [sys.executable, "-m", "edge", "check", "--set", "device.name=ZŽ█#"],
        env=environment(tmp_path, PYTHONIOENCODING="latin-1"), cwd=tmp_path, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        try:
            while part := os.read(mine, 65536):
                said += part
        except OSError:  # a terminal that nobody has open any longer
            pass
        process.wait(30)
    os.close(mine)
    assert shown[:-1] in said.decode("latin-1")
