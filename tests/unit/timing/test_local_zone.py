"""The time zone of this machine is the one that is set now, and one that is not there is said, not taken for UTC."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.config.schema import PrivacyConfig
from edge.daemon.run_state import RunState
from edge.errors import EXIT_CONFIG
from edge.timing.local_zone import local_zone_problem, schedule_zone_problem, zone_of_file
from tests.support.paths import ROOT

NOON = [{"from": "12:00", "to": "13:00"}]
SCHEDULED = ("--set", "privacy.schedule=[{from: '12:00', to: '13:00'}]")
LOADS = """
import sys
from edge.config.loader import load_config
from edge.reporting.period import time_zone
load_config(None, sys.argv[1:])
time_zone(None)
"""
PROBLEM = "from edge.timing.local_zone import schedule_zone_problem; print(schedule_zone_problem())"
SET_WHILE_IT_RUNS = """
import os, sys
from datetime import datetime, timezone
from pathlib import Path
from edge.config.schema import PrivacyConfig
from edge.daemon.run_state import RunState

now = datetime(2026, 11, 20, 11, 30, tzinfo=timezone.utc)
state = RunState(lambda: now, lambda: True)
schedule = [{"from": "12:00", "to": "13:00"}]
state.use(Path(sys.argv[1]) / "outbox.pause", PrivacyConfig.model_validate({"schedule": schedule}))
for zone in ("UTC", "Europe/Berlin", "Nowhere/Gone", "America/New_York"):
    os.symlink(f"/usr/share/zoneinfo/{zone}", "/etc/localtime.new")
    os.replace("/etc/localtime.new", "/etc/localtime")
    state.update()
    print(zone, state.closed, state.scheduled, sep="|")
"""


def with_own_etc(
    folder: Path, zone: str | None, local: str | None, *arguments: str, make: Callable[[Path], object] | None = None
) -> subprocess.CompletedProcess[str]:
    """Python in a mount namespace, where /etc has no more than a list of users and maybe a time zone."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("unshare cannot make a mount namespace here")
    (folder / "etc").mkdir()
    shutil.copy("/etc/passwd", folder / "etc")
    if make is not None:
        make(folder / "etc/localtime")
    if local:
        (folder / "etc/localtime").symlink_to(f"/usr/share/zoneinfo/{local}")
    environment = {name: value for name, value in os.environ.items() if name != "TZ"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({} if zone is None else {"TZ": zone})
    command = [*namespace, "sh", "-c", f'mount --bind "{folder}/etc" /etc && exec "$@"', "sh", sys.executable]
    return subprocess.run(
        [*command, *arguments], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_zone_that_is_set_while_it_runs_is_followed(tmp_path: Path, local_zone: Callable[[str], None]) -> None:
    state = RunState(lambda: datetime(2026, 11, 20, 11, 30, tzinfo=timezone.utc), lambda: True)
    local_zone("UTC")
    state.use(tmp_path / "outbox.pause", PrivacyConfig.model_validate({"schedule": NOON}))
    state.update()
    assert not state.closed
    local_zone("Europe/Berlin")
    state.update()
    assert state.scheduled == "paused by the schedule until 13:00"
    local_zone("Nowhere/Gone")  # better closed for too long than open in the wrong hour
    state.update()
    assert state.scheduled.startswith("paused: there is a schedule, but TZ=Nowhere/Gone names no time zone")
    local_zone("UTC")
    state.update()
    assert not state.closed


@pytest.mark.parametrize("zone", [None, ":/etc/localtime", "/etc/localtime"])
def test_the_file_that_timedatectl_replaces(tmp_path: Path, zone: str | None) -> None:
    done = with_own_etc(tmp_path, zone, "UTC", "-c", SET_WHILE_IT_RUNS, str(tmp_path))
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert [(name, closed) for name, closed, _ in lines] == [
        ("UTC", "False"), ("Europe/Berlin", "True"), ("Nowhere/Gone", "True"), ("America/New_York", "False"),
    ], done.stderr  # fmt: skip
    assert lines[1][2] == "paused by the schedule until 13:00"
    assert "/etc/localtime names a time zone that is not there" in lines[2][2]


BERLIN = Path("/usr/share/zoneinfo/Europe/Berlin").read_bytes()


def flipped() -> bytes:
    """With one wrong bit, of whether its first time is one of summer: Python reads it, the C library does not."""
    second = BERLIN.index(b"TZif", 4)  # the part with 64 bits a time
    place = second + 44 + 9 * int.from_bytes(BERLIN[second + 32 : second + 36], "big") + 4
    return BERLIN[:place] + bytes([BERLIN[place] ^ 2]) + BERLIN[place + 1 :]


NO_ZONES: list[Callable[[Path], object]] = [
    lambda path: path.write_text("Europe/Berlin\n"),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(BERLIN[:60]),
    lambda path: path.write_bytes(BERLIN[:-2]),
    lambda path: path.write_bytes(flipped()),
    Path.mkdir,  # as Docker makes one of `-v /etc/localtime:/etc/localtime` where the host has none
    lambda path: path.symlink_to("/usr/share/zoneinfo/zone.tab"),
]


@pytest.mark.parametrize("make", NO_ZONES)
def test_a_file_that_is_no_zone_keeps_the_camera_closed(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """The C library takes it for UTC, and says nothing."""
    done = with_own_etc(tmp_path, None, None, "-c", PROBLEM, make=make)
    assert "/etc/localtime is no time zone to this user" in done.stdout, done


@pytest.mark.parametrize("content", [b"", b"Europe/Berlin\n", BERLIN[:60], BERLIN[:-1], flipped()])
def test_a_file_of_tz_that_is_no_zone_is_refused(
    tmp_path: Path, content: bytes, local_zone: Callable[[str], None]
) -> None:
    (tmp_path / "zone").write_bytes(content)
    local_zone(f"{tmp_path}/zone")
    with pytest.raises(ValueError, match="names no time zone"):
        PrivacyConfig.model_validate({"schedule": NOON})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_the_daemon_may_not_read_is_none(local_zone: Callable[[str], None]) -> None:
    """As after `umask 077; cp .../Berlin /etc/localtime`: root's own clock is right."""
    with tempfile.TemporaryDirectory() as folder:  # that of pytest is root's alone
        Path(folder).chmod(0o755)
        zone = Path(folder) / "zone"
        zone.write_bytes(BERLIN)
        local_zone(str(zone))
        assert schedule_zone_problem() == ""
        zone.chmod(0o600)
        os.seteuid(65534)
        try:
            assert "names no time zone" in schedule_zone_problem()
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("zone", [None, "", ":/etc/localtime"])
def test_a_schedule_where_nobody_has_set_a_zone_is_refused(tmp_path: Path, zone: str | None) -> None:
    """As in a container, whose UTC nobody has chosen."""
    done = with_own_etc(tmp_path, zone, None, "-m", "edge", "run", *SCHEDULED)
    assert done.returncode == EXIT_CONFIG, done.stderr
    assert "no time zone is set on this machine (no /etc/localtime, no TZ)" in done.stderr
    assert "or set privacy.time_zone" in done.stderr


@pytest.mark.parametrize(
    ("zone", "local", "key"),
    [(None, "Etc/UTC", "null"), (None, "UTC", "null"), ("UTC", None, "null"), (None, None, "Europe/Berlin")],
)
def test_utc_that_somebody_has_chosen_is_a_zone(tmp_path: Path, zone: str | None, local: str | None, key: str) -> None:
    """Debian links /etc/localtime to it; a report asks for no choice at all."""
    done = with_own_etc(tmp_path, zone, local, "-c", LOADS, *SCHEDULED[1::2], f"privacy.time_zone={key}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "zone",
    ["UTC", "Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3",
     "<+03>-3", "EST5EDT", "AAA23:59", "BBB-08:30"],
)  # fmt: skip
def test_whatever_the_c_library_understands_is_fine(zone: str, local_zone: Callable[[str], None]) -> None:
    local_zone(zone)
    assert local_zone_problem() == ""
    PrivacyConfig.model_validate({"schedule": NOON})


@pytest.mark.parametrize("zone", ["", ":"])
def test_an_empty_one_is_utc_that_nobody_means(zone: str, local_zone: Callable[[str], None]) -> None:
    local_zone(zone)
    with pytest.raises(
        ValueError, match="TZ is set and empty, which is UTC to every program: unset it, or name a zone"
    ):
        PrivacyConfig.model_validate({"schedule": NOON})
    PrivacyConfig.model_validate({"schedule": NOON, "time_zone": "Europe/Vienna"})


def test_one_that_it_takes_for_utc_is_refused(local_zone: Callable[[str], None]) -> None:
    local_zone("Europe/Berln")
    with pytest.raises(ValueError, match=r"TZ=Europe/Berln names no time zone: .*did you mean Europe/Berlin\?"):
        PrivacyConfig.model_validate({"schedule": NOON})
    PrivacyConfig.model_validate({"schedule": NOON, "time_zone": "Europe/Vienna"})
    PrivacyConfig()


@pytest.mark.parametrize("zone", ["A" * 5000, "<+24>-24:59:59", "AAA99"])
def test_one_that_no_machine_can_follow_is_refused(zone: str, local_zone: Callable[[str], None]) -> None:
    local_zone(zone)
    with pytest.raises(ValueError, match="names no time zone") as caught:
        PrivacyConfig.model_validate({"schedule": NOON})
    assert len(str(caught.value)) < 1000


def test_a_file_of_a_zone_tells_its_name(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert zone_of_file(tmp_path / "localtime") == "Europe/Berlin"
    (tmp_path / "copy").write_bytes(b"TZif2")
    assert zone_of_file(tmp_path / "copy") is None
