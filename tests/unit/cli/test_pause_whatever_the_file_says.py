"""`edge pause` while somebody is editing the configuration of a daemon that runs: it obeys what it has accepted."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.cli import parse, pause, resume, run_command_line
from edge.daemon.daemon_lock import started_with
from edge.daemon.kept_pause import KeptPause
from edge.daemon.pause_store import UNKNOWN, Pause, PauseStore

Daemon = Callable[[str, Path], KeptPause]
MISTAKES = {
    "an unknown key": "window: {secnds: 5}\n",
    "a bad value": "vision: {fps: many}\n",
    "keys that do not go together": "mode: emotions\ncamera: {source: 'usb:0'}\n",
    "no YAML": "device: {name: room-1}\n  : [\n",
    "a NUL byte": "\0\1",
    "nothing": None,
    "a folder": Path.mkdir,
    "a FIFO": os.mkfifo,
}
UNSTORABLE = "a" * 249  # no file with a longer name can be made beside its pause, to be put in its place


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of outboxes that lie where they do by default."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(pause, "DAEMON_SECONDS", 0.0)
    (tmp_path / "edge").mkdir()
    return tmp_path / "edge"


@pytest.fixture
def daemon(state: Path) -> Iterator[Daemon]:
    """Starts the part of a daemon that obeys pauses."""
    over, threads = threading.Event(), list[threading.Thread]()

    def start(name: str, file: Path) -> KeptPause:
        kept = KeptPause(time.monotonic, started_with(file))
        kept.use(state / f"{name}.pause")

        def obey() -> None:
            while not over.wait(0.01):
                kept.update()
                if kept.take_wish():
                    kept.begin(Pause("somebody", UNKNOWN))
                kept.confirm(closed=kept.pause is not None)
            kept.stop()

        threads.append(threading.Thread(target=obey))
        threads[-1].start()
        return kept

    yield start
    over.set()
    for thread in threads:
        thread.join()


def write(file: Path, content: object) -> None:
    if isinstance(content, str):
        file.write_text(content)
    elif callable(content):
        content(file)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_with_a_mistake_refuses_no_pause(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    file = tmp_path / "config.yaml"
    room, other = daemon("classroom-hall", file), daemon("classroom-library", tmp_path / "library.yaml")
    write(file, MISTAKES[mistake])
    assert run_command_line(["pause", "--config", str(file), "--by", "Mrs Doe"]) == 0
    assert room.pause is not None
    assert (room.pause.by, other.pause) == ("Mrs Doe", None)
    out, err = capsys.readouterr()
    assert "paused: the daemon has closed the camera" in out
    assert str(file) in err or "key" in err


def test_an_outbox_elsewhere_is_found_by_what_is_left_of_the_file(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    room = daemon("../elsewhere", file)
    file.write_text(f"outbox: {{path: {tmp_path}/elsewhere.sqlite, max_age: 1}}\nvision: {{fps: many}}\n")
    assert run_command_line(["pause", "--config", str(file)]) == 0
    assert room.pause is not None


@pytest.mark.parametrize(
    ("now", "there"),
    [
        ("device: {name: gym}\n", "edge/classroom-gym.pause"),
        ("outbox: {path: FOLDER/other.sqlite}\n", "other.pause"),
    ],
)
def test_a_name_that_the_daemon_has_not_read_yet(
    daemon: Daemon, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], now: str, there: str
) -> None:
    """It is paused, and so is the next start; whoever resumes ends both."""
    file = tmp_path / "config.yaml"
    room = daemon("classroom-hall", file)
    file.write_text(now.replace("FOLDER", str(tmp_path)))
    assert pause.main(parse(["pause", "--config", str(file)])) == 0
    assert room.pause is not None
    stores = PauseStore(state / "classroom-hall.pause"), PauseStore(tmp_path / there)
    assert all(store.load() is not None for store in stores)
    assert resume.main(parse(["resume", "--config", str(file)])) == 0
    assert not any(store.is_there() for store in stores)
    assert "it was not paused" not in capsys.readouterr().out


def test_another_room_of_the_same_file_is_not_meant(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mode: headcount\n")
    room = daemon("classroom-hall", file)
    assert pause.main(parse(["pause", "--config", str(file), "--set", "device.name=gym"])) == 1
    assert room.pause is None
    assert "edge is not running here" in capsys.readouterr().err


@pytest.mark.parametrize("runs", [True, False])
def test_where_no_daemon_is_found_it_says_first_that_nothing_is_paused(
    daemon: Daemon, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, runs: bool
) -> None:
    """It may run all the same, with an outbox that only the lost file has named."""
    file = tmp_path / "config.yaml"
    if runs:
        (tmp_path / "far").mkdir()
        daemon("../far/outbox", file)
    file.write_text("outbox: [\n")
    assert run_command_line(["pause", "--config", str(file)]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edge: nothing is paused, and the camera of a daemon may be open: end it (Ctrl-C")
    assert f"{file}:2 is not valid YAML" in err
    assert not list(state.rglob("*.pause"))


def test_rooms_of_one_file_are_all_paused_whatever_becomes_of_the_first(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    rooms = [daemon(name, file) for name in (UNSTORABLE, "classroom-hall")]
    file.write_text("outbox: [\n")
    assert run_command_line(["pause", "--config", str(file)]) == 1
    assert all(room.pause is not None for room in rooms)
    out, err = capsys.readouterr()
    assert "paused: the daemon has closed the camera" in out
    assert "has closed the camera, but not for longer than until a restart" in err


def test_where_only_the_next_start_cannot_be_paused_it_is_said_so(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    room = daemon("classroom-hall", file)
    file.write_text(f"outbox: {{path: {tmp_path}/{UNSTORABLE}}}\n")
    assert run_command_line(["pause", "--config", str(file)]) == 1
    assert room.pause is not None
    out, err = capsys.readouterr()
    assert "paused: the daemon has closed the camera" in out
    assert "the next start would not be paused" in err
    assert "nothing is paused" not in err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_another_user_locks_is_no_daemon(daemon: Daemon, state: Path, tmp_path: Path) -> None:
    """It could say in place of one that is not found that the camera is closed."""
    file = tmp_path / "config.yaml"
    daemon("classroom-hall", file)
    os.chown(state / "classroom-hall.lock", 65534, -1)
    file.write_text("outbox: [\n")
    assert run_command_line(["pause", "--config", str(file)]) == 78
    assert not list(state.rglob("*.pause"))


def test_a_daemon_that_has_ended_is_not_found(daemon: Daemon, state: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    (state / "classroom-hall.lock").touch()
    file.write_text("outbox: [\n")
    assert run_command_line(["pause", "--config", str(file)]) == 78


def test_in_a_folder_that_has_been_removed_a_pause_goes_on(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    room = daemon("classroom-room-1", Path("config.yaml"))
    assert run_command_line(["pause"]) == 0
    assert room.pause is not None


def test_a_file_is_known_by_its_name_also_through_a_link_to_its_folder(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    (tmp_path / "link").symlink_to("rooms")
    room = daemon("classroom-hall", tmp_path / "link/hall.yaml")
    assert run_command_line(["pause", "--config", str(tmp_path / "rooms/hall.yaml")]) == 0
    assert room.pause is not None
    shutil.rmtree(tmp_path / "rooms")
