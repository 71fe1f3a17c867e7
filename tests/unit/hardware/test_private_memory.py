"""Memory is kept off the disk: no core dump of a process, no swap, and a plain word where that cannot be."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

OTHER = "65534"  # a user with nothing
HEADER = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
SWAP = "/var/swap                               file\t\t524284\t\t0\t\t-2\n"
PROBLEM = "pictures may be written to swap (/var/swap), as this process may not lock its memory"

WITHOUT_LEAVE = """
import resource, sys
from pathlib import Path
from edge.hardware.private_memory import lock_memory, swap_problem
before = resource.getrlimit(resource.RLIMIT_MEMLOCK)
print(lock_memory(), resource.getrlimit(resource.RLIMIT_MEMLOCK) == before)
print(swap_problem(Path(sys.argv[1]) / "proc", Path(sys.argv[1]) / "groups"))
taken = bytearray(200_000_000)  # nothing that was tried stands in the way of memory
"""

LOCKED = """
import re
from pathlib import Path
from edge.hardware.private_memory import lock_memory
def locked():
    return int(re.search(r"VmLck:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
print(lock_memory(), locked() > 0)
taken = bytearray(200_000_000)
print(locked() > 190, lock_memory())
"""

NOT_DUMPABLE = """
import os, signal, subprocess, sys
from pathlib import Path
from edge.hardware.private_memory import forbid_dumps, own_files_of_proc
forbid_dumps()
token = open(sys.argv[1]).read().strip()
print(token, len(os.listdir("/proc/self/fd")) > 2, "VmRSS" in Path("/proc/self/status").read_text())
def forget_peak():
    try: Path("/proc/self/clear_refs").write_text("5")
    except PermissionError: return "refused"
    return "done"
print(forget_peak() if os.getuid() else "refused")
with own_files_of_proc(): print(forget_peak())
print(forget_peak() if os.getuid() else "refused")
child = "head -c 1 /proc/self/environ >/dev/null && ulimit -c"  # a program of its own
print(subprocess.run(["sh", "-c", child], capture_output=True, text=True).stdout.strip())
look = f"cat /proc/{os.getpid()}/environ"
print(subprocess.run(look.split(), capture_output=True).returncode if os.getuid() else 1)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGSEGV)
"""


def python() -> str:
    """An interpreter that any user may start; the module needs nothing but Python."""
    return sys.executable if os.getuid() else shutil.which("/usr/bin/python3") or ""


def as_somebody(*more: str) -> list[str]:
    """Before a command: a user without rights, if we are root; else ourselves."""
    who = ["setpriv", "--reuid", OTHER, "--regid", OTHER, "--clear-groups", "--inh-caps", "-all", *more]
    return [] if os.getuid() else who


def run(command: list[str], before: list[str]) -> subprocess.CompletedProcess[str]:
    if not python() or (before and shutil.which("setpriv") is None):
        pytest.skip("no setpriv, or no Python that another user may start")
    if subprocess.run([*before, "test", "-r", ROOT / "edge/__init__.py"], check=False).returncode:
        pytest.skip("this checkout may not be read by another user")
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    return subprocess.run(
        [*before, *command], env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def system() -> Iterator[Path]:
    """What the kernel tells: swap in a file, and a group two levels deep that may use it. Any user may read it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "proc/self").mkdir(parents=True)
        (folder / "groups/system.slice/edge.service").mkdir(parents=True)
        (folder / "proc/swaps").write_text(HEADER + SWAP)
        (folder / "proc/self/cgroup").write_text("1:name=systemd:/x\n0::/system.slice/edge.service\n")
        (folder / "groups/system.slice/edge.service/memory.swap.max").write_text("max\n")
        yield folder


def problem(system: Path) -> str:
    done = run([python(), "-c", WITHOUT_LEAVE, str(system)], before=as_somebody("--bounding-set", "-all"))
    if done.stdout.startswith("True"):
        pytest.skip("every user may lock memory here")
    assert done.returncode == 0, done.stderr
    tried, said = done.stdout.splitlines()
    assert tried == "False True"
    return said


def test_without_leave_to_lock_it_says_where_pictures_may_go(system: Path) -> None:
    assert problem(system) == PROBLEM


def test_without_swap_there_is_nothing_to_say(system: Path) -> None:
    (system / "proc/swaps").write_text(HEADER)
    assert problem(system) == ""
    (system / "proc/swaps").unlink()  # a kernel without it
    assert problem(system) == ""


@pytest.mark.parametrize("group", ["system.slice/edge.service", "system.slice", ""])
def test_nor_where_the_control_group_or_one_above_it_has_no_swap(system: Path, group: str) -> None:
    (system / "groups" / group / "memory.swap.max").write_text("0\n")
    assert problem(system) == ""


def test_a_machine_without_control_groups_of_version_2_is_not_taken_for_safe(system: Path) -> None:
    (system / "proc/self/cgroup").write_text("4:memory:/x\n")
    assert problem(system) == PROBLEM
    (system / "proc/self/cgroup").unlink()
    assert problem(system) == PROBLEM


@pytest.mark.parametrize("leave", ["capability", "limit"])
def test_with_leave_all_memory_is_locked_also_what_is_taken_later(leave: str) -> None:
    if leave == "capability":
        if os.getuid():
            pytest.skip("only root can hand on CAP_IPC_LOCK")
        before = ["setpriv", "--reuid", OTHER, "--regid", OTHER, "--clear-groups"]
        done = run(
            [python(), "-c", LOCKED],
            before=[*before, "--inh-caps", "-all,+ipc_lock", "--ambient-caps", "-all,+ipc_lock"],
        )
    else:
        before = ["prlimit", "--memlock=unlimited:unlimited"]
        if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
            pytest.skip("this machine raises no limit of locked memory")
        done = run([python(), "-c", LOCKED], before=[*before, *as_somebody("--bounding-set", "-all")])
    assert done.stdout.splitlines() == ["True True", "True True"], done.stderr


def test_a_user_without_rights_has_no_core_dump_no_onlookers_and_all_that_the_program_needs() -> None:
    limit = ["prlimit", "--core=unlimited"]
    if subprocess.run([*limit, "true"], capture_output=True, check=False).returncode:
        limit = []
    shell = 'exec "$0" -c "$1" <(echo token)'  # a pipe of the user's own, under /dev/fd
    before = [*limit, *as_somebody("--bounding-set", "-all")]
    done = run(["bash", "-c", shell, python(), NOT_DUMPABLE], before=before)
    assert done.stdout.splitlines() == ["token True True", "refused", "done", "refused", "0", "1"], done.stderr
    assert done.returncode == -signal.SIGSEGV


def test_the_module_needs_nothing_but_python() -> None:
    text = (ROOT / "edge/hardware/private_memory.py").read_text()
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) <= sys.stdlib_module_names | {"__future__"}
