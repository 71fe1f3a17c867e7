"""What systemd is told, and the units; tests/system/systemd has install.sh, and all of it in a booted systemd."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.daemon import sd_notify
from edge.daemon.sd_notify import Notifier
from tests.support.paths import ROOT
from tests.support.supervisor import Supervisor


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a name that is short enough for a socket."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def supervisor(folder: Path) -> Iterator[Supervisor]:
    """Listens at `folder`/notify."""
    other = Supervisor(f"{folder}/notify")
    yield other
    other.close()


def test_every_message_has_the_words_of_the_protocol(folder: Path, supervisor: Supervisor) -> None:
    notifier = Notifier(f"{folder}/notify", 30)
    notifier.status("opening the camera")
    notifier.ready()
    notifier.progress()
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    notifier.stopping()
    *first, reloading, last = supervisor.heard()
    assert first == ["STATUS=opening the camera", "READY=1", "WATCHDOG=1"]
    state, _, stamp = reloading.partition("\nMONOTONIC_USEC=")
    assert state == "RELOADING=1"
    assert before <= int(stamp) <= time.monotonic_ns() // 1000
    assert last == "STOPPING=1"


def test_before_we_are_ready_progress_gives_us_more_time_for_that(folder: Path, supervisor: Supervisor) -> None:
    notifier = Notifier(f"{folder}/notify", 1e-6)
    notifier.progress()
    notifier.ready()
    notifier.progress()
    assert supervisor.heard() == ["EXTEND_TIMEOUT_USEC=600000000", "READY=1", "WATCHDOG=1"]


def test_an_abstract_socket_is_found() -> None:
    name = f"edge-test-{os.getpid()}"
    other = Supervisor(f"\0{name}")
    Notifier(f"@{name}").ready()
    assert other.heard() == ["READY=1"]
    other.close()


def test_the_status_is_one_line_and_sent_when_it_changes(folder: Path, supervisor: Supervisor) -> None:
    notifier = Notifier(f"{folder}/notify")
    for text in ("one\nREADY=1", "one READY=1", "two \udcff", "x" * 5000):
        notifier.status(text)
    assert supervisor.heard() == ["STATUS=one READY=1", "STATUS=two ?", "STATUS=" + "x" * sd_notify.MAX_STATUS]


def test_progress_is_told_four_times_in_the_watchdogs_time(folder: Path, supervisor: Supervisor) -> None:
    notifier = Notifier(f"{folder}/notify", 0.4)
    end = time.monotonic() + 0.55
    while time.monotonic() < end:
        notifier.progress()
        time.sleep(0.002)
    assert 4 <= len(supervisor.heard()) <= 6
    time.sleep(0.3)
    assert supervisor.heard() == [], "time alone is no sign of life"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-is-here", "x" * 200, "relative"])
def test_without_systemd_it_is_silent(address: str) -> None:
    notifier = Notifier(address, 30)
    for speak in (notifier.ready, notifier.progress, notifier.reloading, notifier.stopping):
        speak()
    notifier.status("nobody hears this")


def test_a_supervisor_that_does_not_listen_holds_us_up_for_a_moment_only(
    folder: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sd_notify, "SEND_SECONDS", 0.02)
    notifier = Notifier(f"{folder}/notify")
    began = time.monotonic()
    for number in range(100):
        notifier.status(f"status {number}")
    assert 0.05 < time.monotonic() - began < 20, "the queue was not full, or the daemon hung"
    assert 0 < len(supervisor.heard()) < 100


def test_the_environment_is_taken_away_from_children(folder: Path, supervisor: Supervisor) -> None:
    environment = {
        "NOTIFY_SOCKET": f"{folder}/notify",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    notifier = Notifier.from_environment(environment)
    notifier.ready()
    notifier.progress()
    assert supervisor.heard() == ["READY=1", "WATCHDOG=1"]
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(("usec", "pid"), [("", ""), ("30000000", "1"), ("soon", ""), ("-1", ""), ("²", "")])
def test_a_watchdog_that_is_not_ours_is_not_fed(folder: Path, supervisor: Supervisor, usec: str, pid: str) -> None:
    environment = {"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}
    notifier = Notifier.from_environment(environment)
    notifier.progress()
    notifier.ready()
    assert supervisor.heard() == ["READY=1"]


def test_progress_touches_the_file_of_a_container(folder: Path) -> None:
    file = folder / "progress"
    notifier = Notifier.from_environment({"PROGRESS_FILE": str(file)})
    notifier.ready()
    notifier.status("running")
    assert not file.exists()  # only frames, or a reason for none, are progress
    notifier.progress()
    assert file.exists()


def test_progress_without_a_place_to_say_so_goes_on(folder: Path) -> None:
    Notifier.from_environment({"PROGRESS_FILE": str(folder / "missing/progress")}).progress()


HEALTHY = [sys.executable, str(ROOT / "scripts/container/healthy.py")]


def health(*arguments: str, file: Path | None = None) -> int:
    """The exit status of the image's health check, which says why where it is not 0."""
    environment = {} if file is None else {"PROGRESS_FILE": str(file)}
    done = subprocess.run([*HEALTHY, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert bool(done.stderr) == (done.returncode != 0)
    assert "Traceback" not in done.stderr
    return done.returncode


# The file's own time is of the computer's clock, which somebody may have set meanwhile.
@pytest.mark.parametrize("clock", [-3600, 0, 3600])
@pytest.mark.parametrize(("silent", "code"), [(0, 0), (20, 0), (31, 1), (-60, 1)])
def test_the_health_check_of_the_image_follows_progress(folder: Path, silent: int, code: int, clock: int) -> None:
    """A time to come is of before the computer's start."""
    file = folder / "progress"
    Notifier.from_environment({"PROGRESS_FILE": str(file)}).progress()
    assert health(file=file) == 0
    file.write_text(f"{int(file.read_text()) - silent}")
    os.utime(file, (time.time() + clock,) * 2)
    assert health(file=file) == code


def test_without_a_sign_of_life_the_image_is_not_healthy(folder: Path) -> None:
    file = folder / "progress"
    assert health(file=file) == health() == 1
    file.touch()
    assert health(file=file) == 1


def test_progress_is_written_over_a_former_one(folder: Path) -> None:
    file = folder / "progress"
    file.write_text("9" * 20)
    Notifier.from_environment({"PROGRESS_FILE": str(file)}).progress()
    assert 0 <= time.monotonic() - int(file.read_text()) < 10


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1:x"])
def test_the_health_check_asks_nothing_of_which_it_knows_no_answer(address: str) -> None:
    assert health(address) == 1
