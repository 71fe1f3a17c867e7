"""What is built of the repository, and that it is a program: installed, it runs from an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.editable import bare_environment, lay_wrong_packages
from tests.support.paths import ROOT

# No network but a loopback, and no mosquitto. Started with the folder for its output; `edge` is on the PATH.
IN_AN_EMPTY_FOLDER = """
set -eu
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
ip link set lo up
for folder in /usr/sbin /usr/bin /usr/local/sbin /usr/local/bin; do
  [ ! -e $folder/mosquitto ] || mount --bind /dev/null $folder/mosquitto
done
edge schema window >"$1/schema"
edge run >"$1/run" 2>"$1/run.log" &
edge watch --once --timeout 40 >"$1/watch" 2>"$1/watch.log"
edge check >"$1/check" 2>"$1/check.log"
kill -TERM $!
status=0
wait $! || status=$?
echo $status >"$1/status"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built of it."""
    folder = tmp_path_factory.mktemp("built")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The `bin` of a fresh environment with the wheel and what is locked for it: 20 s, 300 MB."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "-qq", "--no-compile"]
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements-broker.lock")]
    subprocess.run([*pip, *locked], check=True)
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    yield folder / "bin"
    shutil.rmtree(folder)


def build(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), *arguments, str(ROOT)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(installed: Path, home: Path) -> dict[str, str]:
    """That of a user who has just installed edge, and nothing of this project's."""
    return {
        **bare_environment(),
        "PATH": f"{installed}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "COLUMNS": "200",
    }


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(installed / "edge"), *arguments],
        cwd=folder, env=environment(installed, folder), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def shipped(folder: Path) -> dict[str, bytes]:
    """What of a repository belongs into a wheel, by its path there."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (folder / "edge").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    beside = [folder / "config.yaml", *folder.glob("models/*.json"), *folder.glob("models/*.tflite")]
    return files | {f"edge/_shipped/{path.relative_to(folder)}": path.read_bytes() for path in beside}


def test_the_wheel_holds_all_of_the_program_and_no_other_package(wheel: Path) -> None:
    expected = shipped(ROOT)
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    about = {name: found.pop(name) for name in list(found) if name.split("/")[0].endswith(".dist-info")}
    assert sorted(found) == sorted(expected)
    assert found == expected
    for name in (
        "edge/py.typed",
        "edge/web/dashboard/static/index.html",
        "edge/web/setup/static/index.html",
        "edge/languages/de.po",
        "edge/sample/pictures/astronaut.png",
        "edge/sample/pictures/origins.json",
        "edge/_shipped/config.yaml",
        "edge/_shipped/models/emotions.tflite",
        "edge/_shipped/models/emotions.calibration.json",
        "edge/_shipped/models/faces-1280x736.json",
    ):
        assert name in found
    licence = [content for name, content in about.items() if name.endswith("/licenses/LICENSE")]
    assert licence == [(ROOT / "LICENSE").read_bytes()]


def test_the_readme_says_how_large_the_wheel_is(wheel: Path) -> None:
    (said,) = re.findall(r"`python -m build` makes it, ([\d.]+) MB", (ROOT / "README.md").read_text())
    assert abs(wheel.stat().st_size / 1e6 - float(said)) < 0.1


def test_the_repository_builds_the_same_wheel_as_the_sdist(built: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "scripts/build_hook.py", "models/train.py"} <= names
    build(tmp_path, "--wheel")
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(300)  # the libraries are installed first
def test_installed_it_shows_windows_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """Without mosquitto, configuration or network: `edge schema`, `run`, `watch` and `check`, then SIGTERM."""
    empty, logs = tmp_path / "empty", tmp_path / "logs"
    empty.mkdir()
    logs.mkdir()
    alone = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    user = environment(installed, tmp_path)
    if subprocess.run([*alone, "ip", "link", "set", "lo", "up"], env=user, capture_output=True, check=False).returncode:
        pytest.skip("no namespaces can be made here: run as root, with iproute2 installed")
    process = subprocess.Popen(
        [*alone, "bash", "-c", IN_AN_EMPTY_FOLDER, "bash", str(logs)],
        cwd=empty, env=user, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=100)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    found = {path.name: path.read_text() for path in logs.iterdir()}
    assert process.returncode == 0, (said, found)
    assert found["status"] == "0\n", found
    assert "embedded broker: amqtt on 127.0.0.1:1883" in found["run.log"]
    assert re.search(r"#1 +\d+\.\d faces .*neutral \d", found["run"]), found["run"]
    assert re.search(r"room-1 .*\d faces", found["watch"]), found["watch"]
    parts = dict(line.split()[:2] for line in found["check"].splitlines()[1:] if line[:1].isalpha())
    for part in ("configuration", "models", "camera", "analysis", "outbox", "broker"):  # the clock is the machine's
        assert parts[part] == "ok", found["check"]
    assert '"edge.window/' in found["schema"]
    assert list(empty.iterdir()) == []


def test_a_configuration_that_is_asked_for_and_missing_is_an_error(installed: Path, tmp_path: Path) -> None:
    for command in ("check", "run", "watch"):
        done = run(installed, tmp_path, command, "--config", "mine.yaml")
        assert done.returncode == (1 if command == "check" else 78)
        assert "mine.yaml does not exist" in done.stdout + done.stderr


def test_another_edge_in_the_current_folder_is_not_imported(installed: Path, tmp_path: Path) -> None:
    lay_wrong_packages(tmp_path)
    done = run(installed, tmp_path, "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_help_says_where_a_configuration_to_copy_is(installed: Path, tmp_path: Path) -> None:
    said = run(installed, tmp_path, "run", "--help").stdout
    path = re.search(r"(/\S+/config\.yaml)\)", said)
    assert path, said
    assert Path(path[1]).read_bytes() == (ROOT / "config.yaml").read_bytes()
