"""The schedule: a camera that is closed in the hours that the room's rule names, on every day of the year."""

from __future__ import annotations

import errno
import json
import sys
import zoneinfo
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cameras.supervisor import CameraSupervisor
from edge.cli import run_command_line
from edge.config.loader import load_config
from edge.config.schema import PrivacyConfig
from edge.daemon.run_state import RunState
from edge.errors import ConfigError, EdgeError
from edge.timing.schedule import Schedule, WeeklyPause, in_words
from tests.support.paths import ROOT

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
# Zones with a summer, a half hour, a change at midnight, a skipped day, and none of that.
ZONES = [
    zoneinfo.ZoneInfo(name)
    for name in (
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Asia/Kolkata",
        "UTC",
    )
]  # fmt: skip

clock_times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
pauses = st.builds(WeeklyPause, st.frozensets(st.integers(0, 6), min_size=1), clock_times, clock_times)
moments = st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001


def at(text: str, zone: zoneinfo.ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def weekly(days: str, begin: str, end: str) -> Schedule:
    pause = WeeklyPause(frozenset(map(int, days)), time.fromisoformat(begin), time.fromisoformat(end))
    return Schedule((pause,), BERLIN)


def says_pause(pause: WeeklyPause, wall: datetime) -> bool:
    """What somebody concludes who reads the plan and looks at the clock on the wall."""
    now, today, yesterday = wall.time(), wall.weekday(), (wall.weekday() - 1) % 7
    if pause.begin < pause.end:
        return today in pause.days and pause.begin <= now < pause.end
    return (today in pause.days and now >= pause.begin) or (yesterday in pause.days and now < pause.end)


@given(st.lists(pauses, max_size=4), st.sampled_from(ZONES), moments)
@settings(max_examples=400)
def test_never_open_when_the_clock_on_the_wall_says_pause(
    lines: list[WeeklyPause], zone: zoneinfo.ZoneInfo, now: datetime
) -> None:
    paused = Schedule(lines, zone).until(now) is not None
    on_the_wall = any(says_pause(line, now.astimezone(zone)) for line in lines)
    assert paused >= on_the_wall
    # And never closed for nothing, but around the hour that is skipped or comes twice.
    changes = {(now + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-4, 5)}
    assert paused == on_the_wall or len(changes) > 1


@given(st.lists(pauses, min_size=1, max_size=4), st.sampled_from(ZONES), moments)
@settings(max_examples=400)
def test_a_pause_lasts_until_the_moment_it_names(
    lines: list[WeeklyPause], zone: zoneinfo.ZoneInfo, now: datetime
) -> None:
    schedule = Schedule(lines, zone)
    until = schedule.until(now)
    if until is None:
        return
    length = until - now
    assert timedelta(0) < length
    if length < timedelta(days=7):
        assert schedule.until(until) is None
        for part in (0.25, 0.5, 0.999):
            assert schedule.until(now + part * length) == until


@pytest.mark.parametrize(
    ("schedule", "now", "until"),
    [
        (weekly("01234", "12:00", "13:00"), "2026-11-20 12:00", "2026-11-20 13:00"),
        (weekly("01234", "12:00", "13:00"), "2026-11-20 11:59:59.999999", None),
        (weekly("01234", "12:00", "13:00"), "2026-11-20 13:00", None),
        (weekly("01234", "12:00", "13:00"), "2026-11-21 12:30", None),  # a Saturday
        (weekly("4", "22:00", "06:00"), "2026-11-21 05:59", "2026-11-21 06:00"),
        (weekly("4", "22:00", "06:00"), "2026-11-20 05:59", None),
        (weekly("56", "00:00", "00:00"), "2026-11-21 09:00", "2026-11-23 00:00"),
        # The clock goes from 2:00 to 3:00 on 2026-03-29, and from 3:00 back to 2:00 on 2026-10-25.
        (weekly("6", "01:00", "03:30"), "2026-03-29 01:59", "2026-03-29 03:30"),
        (weekly("6", "02:30", "04:00"), "2026-03-29 03:10", "2026-03-29 04:00"),
        (weekly("6", "01:00", "02:30"), "2026-10-25 02:29", "2026-10-25 02:30+01:00"),
    ],
)
def test_a_school_week(schedule: Schedule, now: str, until: str | None) -> None:
    expected = None
    if until is not None:
        expected = datetime.fromisoformat(until) if "+" in until else at(until)
    found = schedule.until(at(now))
    assert (found and found.astimezone(timezone.utc)) == (expected and expected.astimezone(timezone.utc))


def test_the_hour_that_comes_twice_is_paused_twice() -> None:
    schedule = weekly("6", "02:30", "02:45")
    for fold in (0, 1):
        assert schedule.until(at("2026-10-25 02:35").replace(fold=fold)) is not None


def test_in_words() -> None:
    until = at("2026-11-23 08:00")
    assert in_words(until, at("2026-11-23 07:00")) == "08:00"
    assert in_words(until, datetime(2026, 11, 20, 12, tzinfo=timezone.utc)) == "Mon 08:00"


def test_without_a_zone_it_is_this_machines(local_zone: Callable[[str], None]) -> None:
    schedule = Schedule((WeeklyPause(frozenset({4}), time(12), time(13)),))
    noon = datetime(2026, 11, 20, 17, 30, tzinfo=timezone.utc)
    local_zone("America/New_York")
    assert schedule.until(noon) == datetime(2026, 11, 20, 18, tzinfo=timezone.utc)
    assert schedule.until(noon - timedelta(hours=1)) is None
    local_zone("Europe/Berlin")  # set while it runs
    assert schedule.until(noon) is None
    assert schedule.until(noon - timedelta(hours=6)) == datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


# In the configuration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{days: [mon], from: "08:00", to: "09:00"}]', ("08:00", "09:00")),
        ("[{from: 12:30, to: 06:00}]", ("12:30", "06:00")),  # YAML 1.1 reads 12:30 as the number 750
    ],
)
def test_times_as_people_write_them(tmp_path: Path, text: str, expected: tuple[str, str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"privacy:\n  schedule: {text}\n")
    (pause,) = load_config(file).privacy.schedule
    assert (pause.begin, pause.end) == expected


def test_mistakes_name_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "privacy:\n  schedule:\n    - {from: '8', to: '09:00'}\n    - {days: [mo], from: '22:00'}\n"
        "    - {days: [], from: '22:00', to: '23:00'}\n  time_zone: Europe/Berln\n"
    )
    with pytest.raises(ConfigError) as error:
        load_config(file)
    for line in (
        ":3: privacy.schedule.0.from: found '8'; allowed: text (when it begins",
        ":4: privacy.schedule.1.days.0: found 'mo'; allowed: mon, tue, wed",
        ":4: privacy.schedule.1.to: is missing; allowed: text (when, as",
        ":5: privacy.schedule.2.days: name one day or more",
        ":6: privacy.time_zone: found 'Europe/Berln'; there is no such time zone; did you mean Europe/Berlin?",
    ):
        assert line in str(error.value)


def test_a_machine_without_time_zones_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    zoneinfo.ZoneInfo.clear_cache()
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(())
    for name in [name for name in sys.modules if name.split(".")[0] == "tzdata"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tzdata", None)  # the package, which some libraries of the tests bring along
    try:
        with pytest.raises(ValueError, match="apt-get install tzdata"):
            PrivacyConfig(time_zone="Europe/Berlin")
    finally:
        zoneinfo.reset_tzpath(before)


# What the daemon makes of it


class Room:
    """A run state, with a clock that the test sets."""

    def __init__(self, folder: Path, **privacy: Any) -> None:
        self.now = at("2026-11-20 11:59")
        self.synced = True
        self.privacy = PrivacyConfig.model_validate(
            {
                "schedule": [{"days": ["fri"], "from": "12:00", "to": "13:00"}],
                "time_zone": "Europe/Berlin",
                **privacy,
            }
        )
        self.path = folder / "outbox.pause"
        self.state = RunState(lambda: self.now, lambda: self.synced)
        self.state.use(self.path, self.privacy)

    def look(self, clock: str) -> tuple[bool, str]:
        """Whether the camera has to be closed at that time, and who ended a pause."""
        self.now = at(f"2026-11-20 {clock}")
        ended = self.state.update()
        return self.state.closed, ended


def test_it_closes_and_opens_the_camera(tmp_path: Path) -> None:
    room = Room(tmp_path)
    assert room.look("11:59:59") == (False, "")
    assert room.look("12:00") == (True, "")
    assert room.state.scheduled == "paused by the schedule until 13:00"
    assert room.look("12:59:59") == (True, "")
    assert room.look("13:00") == (False, "the schedule")
    assert room.look("13:01") == (False, "")


def test_nobody_ends_it_from_afar(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.look("12:30")
    with pytest.raises(EdgeError, match="until 13:00; this ends early only on the device itself: run: edge resume"):
        room.state.end_pause("somebody over MQTT")
    assert room.state.closed


def test_a_persons_pause_outlives_it(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.state.begin_pause("Mrs Doe")
    room.state.kept.store()
    assert room.look("12:30") == (True, "")
    assert room.look("13:30") == (True, "")
    room.state.end_pause("Mrs Doe")
    assert not room.state.closed


def test_without_a_set_clock_it_stays_closed(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.synced = False
    assert room.look("11:00")[0]
    assert "this machine's clock is not set" in room.state.scheduled
    assert room.state.waits_for_clock
    room.synced = True
    assert room.look("11:00") == (False, "the schedule")
    room.synced = False  # the network is gone again: the clock still runs
    assert room.look("11:01") == (False, "")
    assert room.look("12:01")[0]


def test_without_a_set_clock_nobody_is_sent_to_resume(tmp_path: Path) -> None:
    room = Room(tmp_path)
    camera = CameraSupervisor(lambda: pytest.fail("the camera is opened"), lambda: 0.0, recovers=True)
    camera.pause()
    room.look("12:30")
    room.state.next_state(camera)
    assert "until 13:00, since 2026-" in room.state.notice
    assert room.state.notice.endswith(": edge resume")
    unset = Room(tmp_path / "unset")
    unset.synced = False
    unset.look("11:00")
    unset.state.next_state(camera)
    assert "this machine's clock is not set" in unset.state.notice
    assert "privacy.trust_clock: true" in unset.state.notice
    assert "since" not in unset.state.notice
    assert "edge resume" not in unset.state.notice
    with pytest.raises(EdgeError, match=r"privacy\.trust_clock: true"):
        unset.state.end_pause("somebody over MQTT")


def test_a_clock_that_is_trusted_or_not_needed_may_be_unset(tmp_path: Path) -> None:
    trusting = Room(tmp_path, trust_clock=True)
    trusting.synced = False
    assert trusting.look("11:00") == (False, "")
    assert trusting.look("12:00")[0]
    idle = Room(tmp_path / "idle", schedule=[])
    idle.synced = False
    assert idle.look("12:00") == (False, "")


def test_a_schedule_that_is_taken_away_ends_its_pause(tmp_path: Path) -> None:
    room = Room(tmp_path)
    assert room.look("12:30")[0]
    room.state.set_schedule(PrivacyConfig())
    assert room.look("12:31") == (False, "the schedule")


def test_edge_resume_at_the_device_ends_this_pause_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    today = datetime.now(timezone.utc).date()
    config = tmp_path / "config.yaml"
    config.write_text(
        json.dumps({"privacy": {"schedule": [{"from": "00:00", "to": "00:00", "days": [_day(today), _day(today, 1)]}]}})
    )
    config_now = load_config(config)
    assert run_command_line(["resume", "--config", str(config)]) == 0
    assert "the scheduled pause, which would last until" in capsys.readouterr().out
    state = RunState(lambda: datetime.now(timezone.utc), lambda: True)
    path = next((tmp_path / "edge").glob("*.resume")).with_suffix(".pause")
    state.use(path, config_now.privacy)
    assert state.update() == ""
    assert not state.closed
    # A week later the same hours are paused again.
    state.kept.stop()
    later = RunState(lambda: datetime.now(timezone.utc) + timedelta(days=7), lambda: True)
    later.use(path, config_now.privacy)
    later.update()
    assert later.closed


def ends_at(room: Room, clock: str) -> None:
    """Somebody at the device ends the pause from 12:00 to 13:00."""
    room.look(clock)
    room.state.end_locally("the button")
    assert room.look(clock)[0] is False


def lasting(begin: str, end: str) -> dict[str, Any]:
    return {"schedule": [{"days": ["fri"], "from": begin, "to": end}], "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(("begin", "closed"), [("12:15", True), ("12:00", False)])
@pytest.mark.parametrize("restarted", [True, False])
def test_a_pause_written_since_then_is_another_one(
    tmp_path: Path, begin: str, *, closed: bool, restarted: bool
) -> None:
    """One that lies around the moment in which somebody ended it is the same, shorter or longer."""
    room = Room(tmp_path)
    ends_at(room, "12:05")
    if restarted:
        room.state.kept.stop()
        room = Room(tmp_path, **lasting(begin, "12:50"))
    else:
        room.state.set_schedule(PrivacyConfig.model_validate(lasting(begin, "12:50")))
    assert room.look("12:30")[0] is closed


def test_what_was_ended_is_forgotten_with_its_line(tmp_path: Path) -> None:
    room = Room(tmp_path)
    ends_at(room, "12:05")
    room.state.set_schedule(PrivacyConfig())
    assert room.look("12:10")[0] is False
    room.state.set_schedule(room.privacy)
    assert room.look("12:30")[0] is True
    assert not room.path.with_suffix(".resume").exists()


def test_nothing_is_left_of_it_once_the_pause_is_over(tmp_path: Path) -> None:
    room = Room(tmp_path)
    ends_at(room, "12:05")
    assert room.path.with_suffix(".resume").exists()
    room.look("13:00")
    assert not room.path.with_suffix(".resume").exists()


@pytest.mark.parametrize("takes", [True, False])
def test_who_ended_a_pause_by_a_wrong_clock_has_not_ended_that_of_the_day_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, takes: bool
) -> None:
    room = Room(tmp_path)
    ends_at(room, "12:05")
    if not takes:
        monkeypatch.setattr("pathlib.Path.unlink", _refuse)
    for week_before, closed in (("13 12:30", True), ("13 13:30", False)):  # the clock is set right
        room.now = at(f"2026-11-{week_before}")
        room.state.update()
        assert room.state.closed is closed
    assert room.look("12:30")[0] is True


def _refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def test_a_clock_that_is_set_back_within_the_pause_changes_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path)
    ends_at(room, "12:30")
    assert room.look("12:05")[0] is False


def test_a_start_without_a_set_clock_does_not_forget_it(tmp_path: Path) -> None:
    """It begins with the time at which the device was switched off, or with the year 1970."""
    room = Room(tmp_path)
    ends_at(room, "12:05")
    room.now = at("2026-11-20 11:17")
    synced = False
    room.state.kept.stop()
    again = RunState(lambda: room.now, lambda: synced)
    again.use(room.path, room.privacy)
    again.update()
    assert again.closed
    synced, room.now = True, at("2026-11-20 12:20")
    again.update()
    assert not again.closed


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000Z", "noon", "", 7])
def test_a_file_with_another_time_ends_nothing(tmp_path: Path, since: object) -> None:
    room = Room(tmp_path)
    file = {"by": "me", "since": since, "until": "9999-12-31T23:59:59.999Z"}
    room.path.with_suffix(".resume").write_text(json.dumps(file))
    assert room.look("12:30")[0] is True
    assert room.look("13:30")[0] is False


def _day(today: date, more: int = 0) -> str:
    return ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(today.weekday() + more) % 7]


def test_the_shipped_schedule_is_empty() -> None:
    assert load_config(ROOT / "config.yaml").privacy.weekly == Schedule()
