"""A person's pause on a disk that is full: in force at once, stored later, and nobody is told otherwise."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.cli import run_command_line
from edge.config.schema import PrivacyConfig
from edge.daemon import audit, state_file
from edge.daemon.daemon_lock import DaemonLock, Flag, is_held
from edge.daemon.kept_pause import KeptPause
from edge.daemon.pause_store import ClosedStore, Pause, PauseStore
from edge.daemon.run_state import RunState
from edge.errors import BusyError, EdgeError
from tests.support.brokers import wait_for
from tests.support.faults import SmallDisk
from tests.support.paths import ROOT
from tests.support.users import ORDINARY

BY_MRS_DOE = Pause("Mrs Doe", "2026-10-04T08:15:00.000Z")
BY_MR_ROE = Pause("Mr Roe", "2026-10-04T09:15:00.000Z")
FLAGS = Flag.RUNS, Flag.UNSTORED, Flag.RESUME


class Time:
    now = 0.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def path(disk: SmallDisk) -> Path:
    return disk.folder / "outbox.pause"


@pytest.fixture
def kept(path: Path, time: Time) -> KeptPause:
    kept = KeptPause(lambda: time.now)
    kept.use(path)
    return kept


def unstored(kept: KeptPause, disk: SmallDisk) -> None:
    disk.fill()
    kept.begin(BY_MRS_DOE)
    with pytest.raises(EdgeError, match="not for longer than until a restart"):
        kept.store()


def asked(path: Path, flag: Flag) -> str:
    """What another process sees of a flag: locks hinder only others."""
    code = "import sys; from pathlib import Path; from edge.daemon.daemon_lock import Flag, is_held; "
    code += "print(is_held(Path(sys.argv[1]), Flag[sys.argv[2]]))"
    command = [sys.executable, "-c", code, str(path), flag.name]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_a_pause_that_a_full_disk_does_not_take_is_stored_later(
    kept: KeptPause, disk: SmallDisk, path: Path, time: Time
) -> None:
    unstored(kept, disk)
    assert kept.pause == BY_MRS_DOE
    assert "No space left" in kept.problem
    assert asked(path, Flag.UNSTORED) == "True"
    disk.clear()
    kept.update()
    assert PauseStore(path).load() is None  # it is not tried several times a second
    time.now = 11.0
    kept.update()
    assert (kept.pause, kept.problem) == (BY_MRS_DOE, "")
    assert PauseStore(path).load() == BY_MRS_DOE
    assert asked(path, Flag.UNSTORED) == "False"
    PauseStore(path).resume()
    kept.update()
    assert kept.pause is None


def test_a_disk_that_stays_full_does_not_end_a_pause(kept: KeptPause, disk: SmallDisk, time: Time) -> None:
    unstored(kept, disk)
    for now in range(0, 60, 5):
        time.now = now
        kept.update()
        assert kept.pause == BY_MRS_DOE
        assert kept.problem
    kept.end()
    assert (kept.pause, kept.problem) == (None, "")


HOLD = """
import sys, time
from pathlib import Path
from edge.daemon.daemon_lock import DaemonLock, Flag
DaemonLock(Path(sys.argv[1])).set_flag(Flag[sys.argv[2]], held=True)
print(flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def holding(path: Path, flag: Flag) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds a flag."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), flag.name], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def resuming(path: Path) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """A process that ends a pause without a file, as `edge resume` does."""
    return holding(path, Flag.RESUME)


def test_a_read_only_disk_does_not_hinder_whoever_resumes(kept: KeptPause, disk: SmallDisk, path: Path) -> None:
    disk.writable(yes=False)
    kept.begin(BY_MRS_DOE)
    kept.keep()
    assert "Read-only" in kept.problem
    assert asked(path, Flag.UNSTORED) == "True"
    kept.update()
    assert kept.pause == BY_MRS_DOE
    with resuming(path):
        kept.update()
    assert (kept.pause or "", kept.problem) == ("", "")
    assert asked(path, Flag.UNSTORED) == "False"


def test_a_pause_that_is_stored_ends_by_its_file_alone(kept: KeptPause, path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    with resuming(path):
        kept.update()
        kept.store()
        kept.update()
    assert kept.pause == BY_MRS_DOE


def test_a_pause_at_the_device_meanwhile_is_the_one_that_is_kept(kept: KeptPause, disk: SmallDisk, path: Path) -> None:
    unstored(kept, disk)
    disk.clear()
    PauseStore(path).store(BY_MR_ROE)  # `edge pause`
    kept.update()
    kept.confirm(closed=True)
    assert (kept.pause, kept.problem) == (BY_MR_ROE, "")
    assert ClosedStore(path).confirms(BY_MR_ROE)
    PauseStore(path).resume()
    kept.update()
    assert kept.pause is None


def test_a_confirmation_that_a_full_disk_does_not_take_is_stored_later(
    kept: KeptPause, disk: SmallDisk, path: Path, time: Time
) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    disk.fill()
    kept.confirm(closed=True)
    assert not ClosedStore(path).confirms(BY_MRS_DOE)
    disk.clear()
    time.now = 11.0
    kept.confirm(closed=True)
    assert ClosedStore(path).confirms(BY_MRS_DOE)


def test_a_pause_goes_along_to_another_name_on_a_full_disk(
    kept: KeptPause, disk: SmallDisk, path: Path, time: Time
) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    disk.fill()
    other = path.with_name("other.pause")
    kept.use(other)
    assert kept.pause == BY_MRS_DOE
    assert kept.problem
    disk.clear()
    time.now = 11.0
    kept.update()
    assert PauseStore(other).load() == BY_MRS_DOE


def test_a_pause_is_moved_to_another_name_once_that_is_sure(kept: KeptPause, path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    kept.confirm(closed=True)
    other = path.with_name("other.pause")
    kept.use(other)
    assert PauseStore(path).load() == PauseStore(other).load() == BY_MRS_DOE
    kept.settle()
    assert PauseStore(other).load() == BY_MRS_DOE
    assert {file.name for file in path.parent.glob("outbox.*")} == {"outbox.lock"}
    PauseStore(other).resume()
    kept.update()
    kept.use(path)
    kept.settle()
    assert kept.pause is None


def test_a_pause_that_ends_while_it_is_moved_is_over_under_both_names(kept: KeptPause, path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    other = path.with_name("other.pause")
    kept.use(other)
    PauseStore(other).resume()  # while the outbox is opened
    kept.update()
    kept.settle()
    assert not PauseStore(path).is_there()


def test_a_pause_stays_where_it_was_as_long_as_it_is_not_stored(kept: KeptPause, disk: SmallDisk, path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    disk.fill()
    kept.use(path.with_name("other.pause"))
    kept.settle()
    assert PauseStore(path).load() == BY_MRS_DOE


def test_another_name_of_the_same_folder_is_no_move(kept: KeptPause, path: Path, tmp_path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    (tmp_path / "link").symlink_to(path.parent)
    for settle in (kept.settle, kept.go_back):
        kept.use(tmp_path / "link" / path.name)
        settle()
        kept.use(path)
        kept.settle()
        assert (kept.pause, PauseStore(path).load()) == (BY_MRS_DOE, BY_MRS_DOE)
        assert asked(path, Flag.RUNS) == "True"


def test_what_was_left_behind_once_is_not_touched_by_a_later_change(kept: KeptPause, path: Path) -> None:
    other = path.with_name("other.pause")
    kept.begin(BY_MRS_DOE)
    kept.store()
    kept.use(other)
    kept.go_back()
    kept.use(path)
    PauseStore(other).store(BY_MR_ROE)  # of another room by now
    kept.use(path)
    kept.settle()
    assert PauseStore(other).load() == BY_MR_ROE


@pytest.mark.parametrize("paused", [True, False])
def test_the_files_of_another_daemon_are_not_touched(
    kept: KeptPause, path: Path, tmp_path: Path, *, paused: bool
) -> None:
    if paused:
        kept.begin(BY_MRS_DOE)
        kept.store()
    other = tmp_path / "other.pause"
    ClosedStore(other).store(BY_MR_ROE)
    (tmp_path / "other.lock").touch()
    with holding(other, Flag.RUNS):
        with pytest.raises(BusyError, match=r"runs already on this machine, with the same files \(.*other\.pause\)"):
            kept.use(other)
        assert {file.name for file in tmp_path.glob("other.*")} == {"other.lock", "other.closed"}
        kept.go_back()
        kept.use(path)
    assert asked(path, Flag.RUNS) == "True"
    assert asked(path, Flag.UNSTORED) == "False"
    kept.update()
    assert kept.pause == (BY_MRS_DOE if paused else None)
    assert {file.name for file in tmp_path.glob("other.*")} == {"other.lock", "other.closed"}


@pytest.mark.parametrize("there", [BY_MR_ROE, None])
@pytest.mark.parametrize("paused", [True, False])
def test_files_that_cannot_be_used_are_left_as_they_were(
    kept: KeptPause, path: Path, there: Pause | None, *, paused: bool
) -> None:
    if paused:
        kept.begin(BY_MRS_DOE)
        kept.store()
    other = path.with_name("other.pause")
    if there:
        PauseStore(other).store(there)
    kept.use(other)
    assert kept.pause == (there or (BY_MRS_DOE if paused else None))
    kept.go_back()
    kept.use(path)
    kept.update()
    assert PauseStore(other).load() == there
    assert kept.pause == PauseStore(path).load() == (BY_MRS_DOE if paused else None)


@pytest.mark.parametrize("there", [BY_MR_ROE, None])
@pytest.mark.parametrize("how", ["at the new path", "over MQTT", "at the former path"])
def test_a_pause_that_ended_meanwhile_stays_so(kept: KeptPause, path: Path, there: Pause | None, how: str) -> None:
    """A reload that is refused does not undo what a person was told."""
    other = path.with_name("other.pause")
    kept.begin(BY_MRS_DOE)
    kept.store()
    if there:
        PauseStore(other).store(there)
    kept.use(other)
    if how == "over MQTT":
        kept.end()
    else:
        PauseStore(other if how == "at the new path" else path).resume()
    kept.update()
    kept.go_back()
    kept.use(path)
    kept.update()
    kept.update()
    assert (kept.pause, PauseStore(path).load()) == (None, None)
    assert not path.with_name("outbox.resumed").exists()


def test_a_pause_that_ended_while_another_daemon_was_found_stays_so(
    kept: KeptPause, path: Path, tmp_path: Path
) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    other = tmp_path / "other.pause"
    (tmp_path / "other.lock").touch()
    PauseStore(path).resume()
    with holding(other, Flag.RUNS), pytest.raises(BusyError):
        kept.use(other)
    kept.go_back()
    kept.use(path)
    assert kept.update()
    assert (kept.pause, PauseStore(path).load()) == (None, None)


def test_a_pause_that_began_under_the_former_name_meanwhile_is_kept(kept: KeptPause, path: Path) -> None:
    other = path.with_name("other.pause")
    PauseStore(other).store(BY_MR_ROE)
    kept.use(other)
    PauseStore(path).store(BY_MRS_DOE)
    kept.end()
    kept.go_back()
    kept.use(path)
    assert kept.pause == PauseStore(path).load() == BY_MRS_DOE


def test_nobody_confirms_a_pause_under_a_name_that_was_given_up(kept: KeptPause, path: Path) -> None:
    """The camera opens under the former name: `edge pause`, which reads the new one, must not say that it is closed."""
    other = path.with_name("other.pause")
    PauseStore(other).store(BY_MR_ROE)
    kept.use(other)
    kept.confirm(closed=True)
    assert ClosedStore(other).confirms(BY_MR_ROE)
    kept.go_back()
    kept.use(path)
    kept.confirm(closed=False)
    assert not ClosedStore(other).confirms(BY_MR_ROE)
    ClosedStore(other).store(BY_MR_ROE)  # as a disk that takes nothing leaves it, or a daemon that was killed
    settings = ["--set", f"outbox.path={other.with_suffix('.sqlite')}"]
    done = subprocess.run(
        [sys.executable, "-m", "edge", "pause", *settings], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nobody has confirmed that the camera is closed: edge is not running here" in done.stderr


def test_a_pause_that_began_meanwhile_goes_back_as_well(kept: KeptPause, path: Path) -> None:
    other = path.with_name("other.pause")
    kept.use(other)
    kept.begin(BY_MRS_DOE)  # the button
    kept.keep()
    kept.go_back()
    kept.use(path)
    assert kept.pause == PauseStore(path).load() == BY_MRS_DOE
    assert not PauseStore(other).is_there()


@pytest.mark.parametrize("stored", [True, False])
def test_the_same_files_again_change_nothing(kept: KeptPause, disk: SmallDisk, path: Path, *, stored: bool) -> None:
    if stored:
        kept.begin(BY_MRS_DOE)
        kept.store()
        disk.fill()
    else:
        unstored(kept, disk)
    before = kept.problem
    kept.use(path)
    if stored:
        kept.store()  # it is on the disk, so nobody is told otherwise
    assert (kept.pause, kept.problem, PauseStore(path).is_there()) == (BY_MRS_DOE, before, stored)
    assert asked(path, Flag.UNSTORED) == str(not stored)


def test_the_same_files_again_do_not_undo_that_somebody_resumes(kept: KeptPause, path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    PauseStore(path).resume()
    kept.use(path)  # a reload, before anything else is looked at
    kept.update()
    assert (kept.pause, PauseStore(path).is_there()) == (None, False)


def test_a_pause_right_after_somebody_has_resumed_is_in_force(path: Path) -> None:
    run_state = RunState(lambda: datetime(2026, 10, 4, 9, 15, tzinfo=timezone.utc))
    PauseStore(path).store(BY_MRS_DOE)
    run_state.use(path, PrivacyConfig())
    PauseStore(path).resume()
    run_state.begin_pause("Mr Roe")
    run_state.update()
    assert run_state.pause == BY_MR_ROE
    run_state.kept.stop()


@pytest.mark.parametrize("moved", [True, False])
def test_others_know_of_a_pause_while_it_is_written(
    kept: KeptPause, path: Path, monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    """A worn card takes seconds for that, in which `edge check` must not open the camera."""
    seen, store = list[str](), PauseStore.store

    def watched(self: PauseStore, pause: Pause) -> None:
        seen.append(asked(self.path, Flag.UNSTORED))
        store(self, pause)

    kept.begin(BY_MRS_DOE)
    if moved:
        kept.store()
    monkeypatch.setattr(PauseStore, "store", watched)
    path = path.with_name("other.pause") if moved else path
    if moved:
        kept.use(path)
    else:
        kept.store()
    assert seen == ["True"]
    assert asked(path, Flag.UNSTORED) == "False"
    assert PauseStore(path).load() == BY_MRS_DOE


@pytest.mark.parametrize("by", ["Mrs Doe", "Mrs\u202eDoe"])
def test_a_write_that_a_power_cut_may_undo_is_repeated(
    kept: KeptPause, path: Path, time: Time, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(state_file, "sync_folder", fail)  # after the file has its name
        pause = Pause(by, BY_MRS_DOE.since)
        kept.begin(pause)
        kept.keep()
        assert PauseStore(path).is_there()
        kept.update()
        time.now = 11.0
        kept.update()
        assert "Input/output error" in kept.problem
        assert asked(path, Flag.UNSTORED) == "True"
    time.now = 22.0
    kept.update()
    assert (kept.pause, kept.problem) == (pause, "")
    assert asked(path, Flag.UNSTORED) == "False"


@pytest.mark.parametrize("how", ["replaced", "read-only", "unlinked"])
def test_that_the_file_is_not_there_ends_no_pause(kept: KeptPause, disk: SmallDisk, path: Path, how: str) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    kept.confirm(closed=True)
    if how == "unlinked":
        path.unlink()
        ClosedStore(path).clear()
    else:
        disk.replace()
    disk.writable(yes=how != "read-only")
    assert not kept.update()
    kept.confirm(closed=True)
    assert kept.pause == BY_MRS_DOE
    if how == "read-only":
        assert "Read-only" in kept.problem
        assert asked(path, Flag.UNSTORED) == "False"  # nothing bears the lock: neither file nor a folder of our own
        disk.writable(yes=True)
        kept.update()
        assert asked(path, Flag.UNSTORED) == "True"
        with resuming(path):
            assert kept.update()
    else:
        assert PauseStore(path).load() == BY_MRS_DOE  # so that a restart does not end it either
        assert ClosedStore(path).confirms(BY_MRS_DOE)  # for an `edge pause` that asks again
        assert [asked(path, flag) for flag in FLAGS] == ["True", "False", "False"]  # in the file that is there now
        PauseStore(path).resume()
        assert kept.update()
    assert kept.pause is None
    assert not kept.update()


def test_a_folder_that_is_gone_ends_no_pause(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "state/outbox.pause", tmp_path / "elsewhere"
    kept = KeptPause(lambda: 0.0)
    kept.use(path)
    kept.begin(BY_MRS_DOE)
    kept.store()
    path.parent.rename(elsewhere)
    assert not kept.update()
    assert PauseStore(path).load() == BY_MRS_DOE
    kept.stop()


@contextlib.contextmanager
def unreadable(folder: Path) -> Iterator[Path]:
    """It says ENOTDIR, as a damaged disk says EIO, or one of another user EACCES. Yields where it is meanwhile."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    folder.touch()
    yield elsewhere
    folder.unlink()
    elsewhere.rename(folder)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[tuple[KeptPause, Path]]:
    kept, path = KeptPause(lambda: 0.0), tmp_path / "state/outbox.pause"
    kept.use(path)
    yield kept, path
    kept.stop()


def test_a_folder_that_cannot_be_read_is_not_without_the_file(state: tuple[KeptPause, Path]) -> None:
    kept, path = state
    kept.begin(BY_MRS_DOE)
    kept.store()
    with unreadable(path.parent):
        for _ in range(3):
            assert not kept.update()
            assert kept.pause == BY_MRS_DOE
        with pytest.raises(EdgeError, match=r"nobody can say whether there is .*outbox\.pause \(Not a directory\)"):
            kept.end()
    assert not kept.update()
    assert kept.pause == BY_MRS_DOE
    with unreadable(path.parent) as elsewhere:
        kept.update()
        PauseStore(elsewhere / path.name).resume()
    assert kept.update() == "a person at the device"
    assert kept.pause is None


def test_where_nobody_can_say_whether_there_is_a_pause_there_is_one_meanwhile(state: tuple[KeptPause, Path]) -> None:
    """Nobody has paused: it is not stored, and does not outlast what was wrong."""
    kept, path = state
    with unreadable(path.parent):
        for _ in range(3):
            assert not kept.update()
            assert kept.pause is not None
            assert "cannot be read" in kept.pause.by
            kept.keep()
    assert kept.update() == "edge: the folder can be read again"
    assert kept.pause is None
    assert not kept.update()
    assert {file.name for file in path.parent.iterdir()} == {"outbox.lock"}


def test_a_pause_of_the_time_in_which_nobody_could_look_is_found(state: tuple[KeptPause, Path]) -> None:
    kept, path = state
    with unreadable(path.parent) as elsewhere:
        kept.update()
        PauseStore(elsewhere / path.name).store(BY_MR_ROE)
    kept.update()
    assert kept.pause == BY_MR_ROE


@pytest.mark.parametrize("start", [True, False])
def test_a_pause_that_may_be_on_a_disk_that_is_gone_goes_on(tmp_path: Path, *, start: bool) -> None:
    path = tmp_path / "state/outbox.pause"
    kept = KeptPause(lambda: 0.0)
    if not start:
        kept.use(path)
    path.parent.mkdir(exist_ok=True)
    with unreadable(path.parent) as elsewhere:
        if start:
            kept.use(path)
        kept.update()
        assert kept.pause is not None
        elsewhere.rename(tmp_path / "gone")
        elsewhere.mkdir()  # another disk
    for _ in range(3):
        assert not kept.update()
        assert kept.pause is not None
        assert asked(path, Flag.UNSTORED) == "True"
    assert not path.exists()  # nobody has paused
    with resuming(path):
        assert kept.update()
    assert kept.pause is None
    kept.stop()


def test_a_person_who_pauses_meanwhile_is_named_and_the_pause_lasts(tmp_path: Path) -> None:
    run_state = RunState(lambda: datetime(2026, 10, 4, 9, 15, tzinfo=timezone.utc))
    path = tmp_path / "state/outbox.pause"
    run_state.use(path, PrivacyConfig())
    with unreadable(path.parent):
        run_state.begin_pause("Mr Roe")
        run_state.kept.keep()
        assert run_state.pause == BY_MR_ROE
    run_state.update()
    assert run_state.pause == BY_MR_ROE
    run_state.kept.stop()


def test_a_moment_without_file_descriptors_is_no_pause(kept: KeptPause) -> None:
    kept.update()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        kept.update()
        assert kept.pause is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


KEEP = """
import sys, time
from pathlib import Path
from edge.daemon.kept_pause import KeptPause
kept = KeptPause(time.monotonic)
kept.use(Path(sys.argv[1]))
said = ""
while True:
    kept.update()
    if said != (said := kept.pause.by if kept.pause else "nobody"):
        print(said, flush=True)
    time.sleep(0.05)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a daemon that may read less than whoever resumes")
def test_whoever_may_look_resumes_a_daemon_that_may_not(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(0o700)
    command = [*ORDINARY, sys.executable, "-c", KEEP, str(folder / "outbox.pause")]
    edge = [sys.executable, "-m", "edge"]
    settings = ["--set", f"outbox.path={folder}/outbox.sqlite"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            assert daemon.stdout.readline() == "nobody\n"
            os.chown(folder, 65534, 65534)
            assert "cannot be read" in daemon.stdout.readline()
            done = subprocess.run([*edge, "resume", *settings], cwd=ROOT, capture_output=True, text=True, check=True)
            assert done.stdout == "resumed; the daemon was paused, which it had not stored\n"
            assert daemon.stdout.readline() == "nobody\n"

            os.chown(folder, 0, 0)
            PauseStore(folder / "outbox.pause").store(BY_MRS_DOE)
            assert daemon.stdout.readline() == "Mrs Doe\n"
            os.chown(folder, 65534, 65534)
            wait_for(lambda: is_held(folder / "outbox.pause", Flag.UNSTORED), 30, "the daemon to look in vain")
            subprocess.run([*edge, "resume", *settings], cwd=ROOT, check=True)
            assert daemon.stdout.readline() == "nobody\n"
        finally:
            daemon.kill()
    assert {file.name for file in folder.iterdir()} == {"outbox.lock", "outbox.resumed"}


@pytest.mark.parametrize("how", ["seen", "replaced"])
def test_what_ended_another_pause_ends_none(kept: KeptPause, disk: SmallDisk, path: Path, how: str) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    if how == "replaced":
        disk.replace()
    resumed = path.with_name("outbox.resumed")
    PauseStore(path.with_name("other.pause")).store(BY_MR_ROE)
    path.with_name("other.pause").rename(resumed)
    if how == "seen":
        kept.update()
        path.unlink()
    for _ in range(3):
        assert not kept.update()
        assert kept.pause == PauseStore(path).load() == BY_MRS_DOE


@pytest.mark.parametrize("damage", ["{", ""])
def test_whoever_resumes_ends_a_pause_whose_file_is_damaged(kept: KeptPause, path: Path, damage: str) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    path.write_text(damage, encoding="utf-8")
    assert not kept.update()
    PauseStore(path).resume()
    assert kept.update()
    assert kept.pause is None
    assert {file.name for file in path.parent.glob("outbox.*")} == {"outbox.lock"}


def test_whoever_resumes_last_between_two_looks_ends_the_pause(kept: KeptPause, path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    PauseStore(path).resume()
    PauseStore(path).store(BY_MR_ROE)
    PauseStore(path).resume()
    assert kept.update()
    assert kept.pause is None
    assert {file.name for file in path.parent.glob("outbox.*")} == {"outbox.lock"}


def test_whoever_resumes_needs_no_room_on_the_disk(kept: KeptPause, disk: SmallDisk, path: Path) -> None:
    kept.begin(BY_MRS_DOE)
    kept.store()
    disk.fill()
    PauseStore(path).resume()
    assert kept.update()
    assert kept.pause is None
    assert not path.with_name("outbox.resumed").exists()  # nobody's name stays there


def test_resumed_and_paused_anew_between_two_looks(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The daemon may be busy for seconds: the pause of now is the one that is in force, told and confirmed."""
    run_state = RunState(lambda: datetime(2026, 10, 4, 9, 15, tzinfo=timezone.utc))
    PauseStore(path).store(BY_MRS_DOE)
    run_state.use(path, PrivacyConfig())
    run_state.update()
    run_state.kept.confirm(closed=True)
    PauseStore(path).resume()
    PauseStore(path).store(BY_MR_ROE)
    caplog.set_level(logging.INFO, audit.LOGGER)
    run_state.update()
    run_state.kept.confirm(closed=True)
    assert run_state.pause == BY_MR_ROE
    assert ClosedStore(path).confirms(BY_MR_ROE)
    events = [json.loads(record.message) for record in caplog.records if record.name == audit.LOGGER]
    said = [(event["audit"], event["by"]) for event in events]
    assert said == [("resume", "a person at the device"), ("pause", "Mr Roe")]
    run_state.kept.stop()


def test_whoever_resumes_ends_one_pause(kept: KeptPause, disk: SmallDisk, path: Path) -> None:
    """One that was stopped, or has just done its work, does not end the pause that comes next."""
    unstored(kept, disk)
    with resuming(path):
        assert kept.update()
        for pause in (BY_MR_ROE, BY_MRS_DOE):
            kept.begin(pause)
            kept.keep()
            for _ in range(3):
                assert not kept.update()
                assert kept.pause == pause
            kept.end()
            kept.update()
    kept.begin(BY_MR_ROE)
    kept.keep()
    assert not kept.update()
    with resuming(path):
        assert kept.update()
    assert kept.pause is None


def test_a_folder_bears_the_lock_that_a_disk_does_not_take(disk: SmallDisk, path: Path) -> None:
    disk.folder.chmod(0o700)
    disk.writable(yes=False)
    kept, other = KeptPause(lambda: 0.0), path.with_name("other.pause")
    kept.use(path)
    kept.begin(BY_MRS_DOE)
    kept.keep()
    assert [asked(path, flag) for flag in FLAGS] == ["True", "True", "False"]
    assert [asked(other, flag) for flag in FLAGS] == ["False", "False", "False"]  # another room beside it
    with resuming(other):
        assert not kept.update()
    assert not is_held(other, Flag.RUNS)  # by the daemon itself, as in a reload
    assert list(disk.folder.iterdir()) == []
    os.close(os.open(disk.folder, os.O_RDONLY))  # as whoever syncs it does
    assert asked(path, Flag.UNSTORED) == "True"
    with resuming(path):
        assert kept.update()
    assert kept.pause is None
    disk.writable(yes=True)
    kept.begin(BY_MRS_DOE)
    kept.update()
    assert path.with_name("outbox.lock").exists()
    assert [asked(path, flag) for flag in FLAGS] == ["True", "True", "False"]
    kept.stop()
    assert [asked(path, flag) for flag in FLAGS] == ["False", "False", "False"]


@pytest.mark.parametrize("paused", [True, False])
def test_a_lock_that_could_not_be_made_is_made_later(disk: SmallDisk, path: Path, *, paused: bool) -> None:
    disk.writable(yes=False)  # and its folder, as a disk's often, is open to others: they could hold locks on it
    kept = KeptPause(lambda: 0.0)
    kept.use(path)
    if paused:
        kept.begin(BY_MRS_DOE)
        kept.keep()
    assert asked(path, Flag.RUNS) == "False"
    disk.writable(yes=True)
    kept.update()
    assert [asked(path, flag) for flag in FLAGS] == ["True", str(paused), "False"]
    kept.stop()


def test_who_resumes_makes_no_lock(tmp_path: Path) -> None:
    """It would be root's, and no daemon could open it."""
    with DaemonLock(tmp_path / "outbox.pause").holding(Flag.RESUME):
        assert list(tmp_path.iterdir()) == []


def test_a_lock_is_seen_by_others_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "outbox.pause"
    assert asked(path, Flag.RUNS) == "False"
    lock = DaemonLock(path)
    lock.make()
    assert [file.name for file in tmp_path.iterdir()] == ["outbox.lock"]
    assert (tmp_path / "outbox.lock").stat().st_mode & 0o777 == 0o600  # or anybody could resume
    lock.set_flag(Flag.RUNS, held=True)
    assert [asked(path, flag) for flag in FLAGS] == ["True", "False", "False"]
    lock.close()
    assert asked(path, Flag.RUNS) == "False"
    with resuming(path) as process:
        assert is_held(path, Flag.RESUME)
        process.kill()
        process.wait()
    assert not is_held(path, Flag.RESUME)


@pytest.mark.parametrize("kind", ["folder", "link", "fifo"])
def test_what_is_no_lock_is_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "outbox.lock"
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(place)
    kept = KeptPause(lambda: 0.0)
    kept.use(tmp_path / "outbox.pause")
    kept.begin(BY_MRS_DOE)
    kept.store()
    kept.update()
    assert kept.pause == BY_MRS_DOE
    assert not is_held(tmp_path / "outbox.pause", Flag.UNSTORED)
    assert not (tmp_path / "elsewhere").exists()
    kept.stop()


def looking(path: Path) -> RunState:
    """A daemon that is paused by nobody."""
    state = RunState(lambda: datetime(2026, 10, 4, 8, 15, tzinfo=timezone.utc))
    state.use(path, PrivacyConfig())
    state.update()
    return state


def pausing(path: Path) -> subprocess.Popen[str]:
    """The command `edge pause`."""
    command = [sys.executable, "-m", "edge", "pause", "--set", f"outbox.path={path.with_suffix('.sqlite')}"]
    return subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE)


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_whoever_pauses_needs_no_room_on_the_disk(disk: SmallDisk, path: Path, how: str) -> None:
    state = looking(path)
    if how == "full":
        disk.fill()
    else:
        disk.writable(yes=False)
    with pausing(path) as command:
        wait_for(lambda: bool(state.update()) or state.pause is not None, 30, "the daemon to be asked")
        state.kept.confirm(closed=False)
        assert not is_held(path, Flag.CLOSED)
        state.kept.confirm(closed=True)
        said = command.communicate(timeout=30)[1]
    assert command.returncode == 1
    assert "the daemon has closed the camera, but not for longer than until a restart" in said
    assert state.kept.problem
    if how == "full":
        disk.clear()
    else:
        disk.writable(yes=True)
    state.kept.store()
    assert PauseStore(path).load() == state.pause == Pause("a person at the device", "2026-10-04T08:15:00.000Z")


def test_whoever_pauses_without_a_file_pauses_once(kept: KeptPause, path: Path) -> None:
    with holding(path, Flag.PAUSE):
        assert kept.take_wish()
        kept.begin(BY_MRS_DOE)
        kept.end()  # somebody resumes at once
        assert not kept.take_wish()
    assert not kept.take_wish()
    with holding(path, Flag.PAUSE):
        assert kept.take_wish()


def test_a_pause_that_nothing_takes_is_refused(disk: SmallDisk, path: Path) -> None:
    disk.writable(yes=False)
    with pausing(path) as command:
        said = command.communicate(timeout=30)[1]
    assert command.returncode == 1
    assert "nothing is paused: make room on the disk, or end edge" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users")
def test_where_everybody_may_write_a_strangers_pause_is_obeyed_and_made_our_own(
    kept: KeptPause, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.chmod(0o1777)
    PauseStore(path).store(BY_MRS_DOE)
    os.chown(path, 65534, 65534)
    with monkeypatch.context() as patched:  # for who is not root it stays theirs
        patched.setattr(PauseStore, "store", lambda *_: (_ for _ in ()).throw(EdgeError("Operation not permitted")))
        kept.update()
    kept.confirm(closed=True)
    assert (kept.pause, kept.problem) == (BY_MRS_DOE, "Operation not permitted")
    assert asked(path, Flag.UNSTORED) == "True"
    assert not ClosedStore(path).confirms(BY_MRS_DOE)
    kept.stop()
    again = KeptPause(lambda: 0.0)
    again.use(path)
    again.confirm(closed=True)
    assert (again.pause, again.problem, path.stat().st_uid) == (BY_MRS_DOE, "", 0)
    assert ClosedStore(path).confirms(BY_MRS_DOE)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users")
@pytest.mark.parametrize("ending", ["pause", "closed", "lock"])
def test_a_strangers_file_is_named_by_whom_it_keeps_from_a_confirmation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    for name in ("DAEMON_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(f"edge.cli.pause.{name}", 0.1)
    folder, stranger = tmp_path / "state", tmp_path / f"state/outbox.{ending}"
    folder.mkdir()
    folder.chmod(0o1777)
    stranger.write_text(json.dumps({"by": "Mr Roe", "since": BY_MR_ROE.since}))
    os.chown(stranger, 65534, 65534)
    assert run_command_line(["pause", "--set", f"outbox.path={folder}/outbox.sqlite"]) == 1
    told = capsys.readouterr().err
    reason = f"{stranger} belongs to another user (uid 65534): keep"
    assert f"nobody has confirmed that the camera is closed: {reason}" in told
    assert (f"the pause is written to {folder}/outbox.pause" in told) == (ending != "pause")


@pytest.mark.parametrize(("mode", "told"), [(0o777, "end a pause"), (0o1777, "prepare files there"), (0o770, "")])
def test_a_folder_into_which_everybody_may_write_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture, mode: int, told: str
) -> None:
    path.parent.chmod(mode)
    KeptPause(lambda: 0.0).use(path)
    problem = f"everybody may write into {path.parent}: other users can"
    assert (f"{problem} {told}" if told else "") in caplog.text
    assert (problem in caplog.text) == bool(told)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users")
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_whoever_goes_back_leaves_a_strangers_pause_where_it_was(kept: KeptPause, tmp_path: Path, when: str) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    other = folder / "outbox.pause"
    if when == "meanwhile":
        kept.use(other)
    PauseStore(other).store(BY_MRS_DOE)
    os.chown(other, 65534, 65534)
    if when == "before":
        kept.use(other)
    kept.update()
    kept.go_back()
    assert PauseStore(other).load() == BY_MRS_DOE
