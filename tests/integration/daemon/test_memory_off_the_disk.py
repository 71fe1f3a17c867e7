"""No picture reaches the disk by a crash or by swap, however a program that shows pictures was started."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.hardware.private_memory import REMEDY
from tests.support.brokers import free_port, wait_for
from tests.support.paths import ROOT
from tests.support.setup_page import SetupPage
from tests.support.snapshot_camera import SnapshotCamera, snapshot_camera

Start = Callable[..., "subprocess.Popen[str]"]

GENEROUS = ["prlimit", "--core=unlimited"]
NO_LEAVE = ["setpriv", "--bounding-set", "-ipc_lock,-sys_resource", "--inh-caps", "-all"]
SWAPS = "Filename\tType\tSize\tUsed\tPriority\n/var/swap file 524284 0 -2\n"
PROBLEM = "ictures may be written to swap (/var/swap), as this process may not lock its memory"


@pytest.fixture
def camera() -> Iterator[SnapshotCamera]:
    with snapshot_camera() as camera:
        yield camera


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `edge` after other words, in a folder where a core file would lie, as in the container's volume."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: str, before: list[str]) -> subprocess.Popen[str]:
        if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
            pytest.skip(f"this machine does not allow {' '.join(before)[:60]}")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path), "COLUMNS": "400"}
        started.append(
            subprocess.Popen(
                [*before, sys.executable, "-m", "edge", *words], cwd=tmp_path, env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def with_swap(tmp_path: Path) -> list[str]:
    """Before a command: it sees swap in a file, and may not lock its memory; in no group without swap."""
    if os.getuid() or shutil.which("unshare") is None:
        pytest.skip("only root can show a program another /proc/swaps")
    (tmp_path / "swaps").write_text(SWAPS)
    hidden = "mount --bind $0 /proc/swaps && mount -t tmpfs none /sys/fs/cgroup && exec $@"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", hidden, str(tmp_path / "swaps"), *NO_LEAVE]


def of(camera: SnapshotCamera) -> list[str]:
    settings = ("mode=headcount", f"camera.source={camera.source}", f"mqtt.embedded_port={free_port()}")
    return [word for setting in settings for word in ("--set", setting)]


def kilobytes(process: subprocess.Popen[str], what: str) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)[0])


def may_lock() -> bool:
    """Whether a program that we start may lock its memory."""
    program = "from edge.hardware.private_memory import lock_memory; raise SystemExit(not lock_memory())"
    return not subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode


def assert_private(process: subprocess.Popen[str]) -> None:
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits
    assert Path(f"/proc/{process.pid}/mem").stat().st_uid == 0  # whoever runs it: a process that is not dumpable
    if may_lock():
        assert kilobytes(process, "VmLck") > kilobytes(process, "VmRSS") // 2


def test_the_daemon_locks_its_memory_and_leaves_no_core_file(
    start: Start, camera: SnapshotCamera, tmp_path: Path
) -> None:
    process = start("run", "--quiet", *of(camera), before=GENEROUS)
    wait_for(lambda: camera.pictures > 3, 60, "pictures")
    assert_private(process)
    process.send_signal(signal.SIGSEGV)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGSEGV, err
    assert "swap" not in err or not may_lock()
    assert not list(tmp_path.glob("*core*"))


def test_so_does_the_page_that_sets_a_device_up(start: Start, camera: SnapshotCamera) -> None:
    process = start("setup", "--port", "0", *of(camera), before=GENEROUS)
    page = SetupPage(process)

    def shown() -> bool:
        page.ask("GET", "/newest?after=0")
        return camera.pictures > 0

    wait_for(shown, 60, "a picture")
    assert_private(process)


def test_every_command_forbids_core_dumps(start: Start, tmp_path: Path) -> None:
    """The entry of the command line does it; here of a command that has nothing to do with pictures."""
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, ctypes, resource\n"
        "dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "atexit.register(lambda: print('limit', resource.getrlimit(resource.RLIMIT_CORE), dumpable()))\n"
    )
    with_site = ["env", f"PYTHONPATH={tmp_path}:{ROOT}"]
    out, err = start("schema", "state", before=[*GENEROUS, *with_site]).communicate(timeout=60)
    assert out.splitlines()[-1] == "limit (0, 0) 0", err


def test_where_pictures_may_be_swapped_the_log_says_so_once(
    start: Start, camera: SnapshotCamera, with_swap: list[str]
) -> None:
    process = start("run", "--quiet", *of(camera), before=with_swap)
    wait_for(lambda: camera.pictures > 3, 60, "pictures")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert err.count(f"{PROBLEM}: {REMEDY}") == 1, err


def test_so_does_check_and_not_of_drawn_people(start: Start, camera: SnapshotCamera, with_swap: list[str]) -> None:
    def row(*words: str) -> str:
        out, err = start("check", *words, before=with_swap).communicate(timeout=120)
        assert "swap" not in err  # once is enough
        return next(line for line in out.splitlines() if line.startswith("privacy"))

    live = " ".join(row(*of(camera)).split())
    assert " warning " in live
    assert PROBLEM in live
    assert REMEDY in live
    assert " ok " in row("--set", "camera.source=sample")


def test_the_page_says_it_in_the_terminal(start: Start, camera: SnapshotCamera, with_swap: list[str]) -> None:
    process = start("setup", "--port", "0", *of(camera), before=with_swap)
    assert process.stdout is not None
    said = []
    while "http" not in (line := process.stdout.readline()):
        said.append(line)
        assert line, "it ended"
    assert f"{PROBLEM}: {REMEDY}." in "".join(said)
