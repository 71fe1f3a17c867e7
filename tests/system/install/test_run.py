"""./run, from any folder, with whatever lies there."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from edge import __version__
from tests.support.brokers import free_port
from tests.support.editable import bare_environment, lay_wrong_packages, make_editable_venv
from tests.support.paths import ROOT

PREPARED = "python=$root/.venv/bin/python\nprepare_venv() { :; }\nprepare_pages_venv() { :; }\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository called edge, with an environment in which it is installed as editable."""
    root = tmp_path / "edge"
    (root / "scripts").mkdir(parents=True)
    for name in ("edge", "models", "config.yaml"):
        (root / name).symlink_to(ROOT / name)
    (root / "run").write_bytes((ROOT / "run").read_bytes())
    (root / "scripts/venv.sh").write_text(PREPARED)
    (root / "run").chmod(0o755)
    make_editable_venv(root)
    return root


def run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    name = os.path.relpath(program, folder)
    command = [name if "/" in name else f"./{name}", *arguments]
    return subprocess.run(command, cwd=folder, env=bare_environment(), capture_output=True, text=True, check=False)


def test_it_runs_from_the_folder_above(clone: Path) -> None:
    """There the repository itself, a folder called edge, must not be taken for the package."""
    for command in ("schema", "report"):
        done = run(clone / "run", clone.parent, command, "--help")
        assert done.returncode == 0, done.stderr
        assert f"usage: edge/run {command}" in done.stdout


def test_another_edge_in_the_current_folder_is_not_imported(clone: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    lay_wrong_packages(elsewhere)
    done = run(clone / "run", elsewhere, "--version")
    assert (done.returncode, done.stdout) == (0, f"edge {__version__}\n"), done.stderr


def test_where_there_is_no_configuration_the_defaults_apply(clone: Path, tmp_path: Path) -> None:
    (clone / "config.yaml").unlink()
    (clone / "edge").unlink()
    shutil.copytree(ROOT / "edge", clone / "edge", ignore=shutil.ignore_patterns("__pycache__"))
    done = run(clone / "run", tmp_path, "check", "--set", "window.seconds=7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "classroom/room-1, windows of 7 s" in done.stdout
    done = run(clone / "run", tmp_path, "check", "--config", "config.yaml")
    assert done.returncode == 1
    assert "config.yaml does not exist" in done.stdout


def test_messages_name_the_program_as_it_was_called(clone: Path) -> None:
    done = run(clone / "run", clone, "--help")
    assert "usage: ./run" in done.stdout
    assert "\n  ./run check " in done.stdout
    assert "\n  edge " not in done.stdout
    said = run(clone / ".venv/bin/edge", clone, "--help").stdout
    assert "usage: edge" in said
    assert "\n  edge check " in said


def test_the_daemon_says_how_to_subscribe_with_the_program_as_it_was_called(clone: Path, tmp_path: Path) -> None:
    daemon = subprocess.Popen(
        ["./run", "--set", f"mqtt.embedded_port={free_port()}", "--set", f"outbox.path={tmp_path}/outbox.sqlite"],
        cwd=clone, env=bare_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert daemon.stdout is not None
        assert any(line.startswith("  ./run watch --broker mqtt://127.0.0.1:") for line in daemon.stdout)
    finally:
        daemon.terminate()
        daemon.communicate(timeout=20)


def prepared(root: Path, make: str) -> list[str]:
    """A shell with the real venv.sh, up to where it would install something; there it does `make`."""
    script = f'root={root}; source "{ROOT}/scripts/venv.sh"; ready_to_run() {{ false; }}; make_venv() {{ {make}; }}'
    return ["bash", "-euc", f"{script}; prepare_venv; pwd"]


def test_the_preparation_does_not_look_for_modules_in_the_current_folder(tmp_path: Path) -> None:
    (root := tmp_path / "edge").mkdir()
    done = subprocess.run(prepared(root, "pwd"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(root), str(tmp_path)]


def test_only_another_preparation_is_waited_for(tmp_path: Path) -> None:
    """Whoever may look into the folder can hold a lock on it."""
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_SH)
    first = subprocess.Popen(
        prepared(tmp_path, "echo making; read -r"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert select.select([first.stdout], [], [], 20)[0], "it waits for somebody who only looks"
        assert first.stdout.readline() == "making\n"
        lock = tmp_path / ".venv.lock"
        assert lock.stat().st_mode & 0o777 == 0o600
        assert subprocess.run(["flock", "--nonblock", lock, "true"], check=False).returncode == 1
        first.communicate("\n", timeout=20)
        assert first.returncode == 0
    finally:
        first.kill()
        os.close(folder)


def test_a_clone_that_somebody_else_made_is_named(tmp_path: Path) -> None:
    (tmp_path / ".venv.lock").mkdir()  # root could write a file of anybody
    done = subprocess.run(prepared(tmp_path, "echo made"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"cannot write {tmp_path}/.venv.lock: clone the project as yourself" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_network_the_last_line_says_what_is_needed(tmp_path: Path) -> None:
    script = f'root={tmp_path}; source "{ROOT}/scripts/venv.sh"; python=/bin/false; add_pages'
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert "Adding what pages and reports need" in first
    assert "is there an internet connection? It is needed once" in last


def test_the_installer_names_an_option_that_it_does_not_know() -> None:
    done = subprocess.run([ROOT / "systemd/install.sh", "--dryrun"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: unknown option --dryrun"
