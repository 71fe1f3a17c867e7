"""A zone that this machine does not know is answered with the name to write."""

from __future__ import annotations

import shutil
import sys
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config.schema import PrivacyConfig
from edge.timing.old_zone_names import successor
from edge.timing.zone_names import zone_named


@pytest.fixture
def debian13(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data base of zones without those of tzdata-legacy."""
    for name in ("America/New_York", "America/Chicago", "Asia/Kolkata", "Europe/Kyiv", "Europe/Berlin", "Etc/UTC"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(Path("/usr/share/zoneinfo", name), tmp_path / name)
    before = zoneinfo.TZPATH
    zoneinfo.ZoneInfo.clear_cache()
    zoneinfo.reset_tzpath([tmp_path])
    for name in [name for name in sys.modules if name.split(".")[0] == "tzdata"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tzdata", None)  # the package, which some libraries of the tests bring along
    yield tmp_path
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("US/Eastern", "old name that this machine does not know; write America/New_York"),
        ("us/central", "write America/Chicago"),
        ("Asia/Calcutta", "write Asia/Kolkata"),
        ("Europe/Kiev", "write Europe/Kyiv"),
        ("EST5EDT", "write America/New_York"),
        ("US/Eastrn", r"did you mean America/New_York\?"),
        ("europe/berlin", r"did you mean Europe/Berlin\?"),
        ("Mars", "write one by a city, as Europe/Berlin"),
        ("MEZ", "write one by a city, as Europe/Berlin"),
        ("MESZ", "write one by a city, as Europe/Berlin"),
        ("CET+1", "write one by a city, as Europe/Berlin"),
    ],
)
@pytest.mark.usefixtures("debian13")
def test_the_name_to_write(name: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        zone_named(name)
    with pytest.raises(ValueError, match=expected):
        PrivacyConfig(time_zone=name)


def test_in_tz_too(monkeypatch: pytest.MonkeyPatch, debian13: Path) -> None:
    monkeypatch.setenv("TZDIR", str(debian13))
    monkeypatch.setenv("TZ", ":US/Eastern")
    with pytest.raises(ValueError, match="TZ=US/Eastern names no time zone: .* write America/New_York"):
        PrivacyConfig.model_validate({"schedule": [{"from": "12:00", "to": "13:00"}]})


def test_a_file_that_was_cut_short_is_refused_and_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch, debian13: Path
) -> None:
    file = debian13 / "Europe/Berlin"
    file.write_bytes(file.read_bytes()[:-1])
    problem = r"Europe/Berlin is no time zone \(damaged, .* apt-get install --reinstall tzdata"
    with pytest.raises(ValueError, match=problem):
        PrivacyConfig(time_zone="Europe/Berlin")
    monkeypatch.setenv("TZDIR", str(debian13))
    monkeypatch.setenv("TZ", "Europe/Berlin")
    with pytest.raises(ValueError, match=f"TZ=Europe/Berlin names no time zone: .*{problem}"):
        PrivacyConfig.model_validate({"schedule": [{"from": "12:00", "to": "13:00"}]})


def test_every_successor_is_a_zone() -> None:
    known = zoneinfo.available_timezones()
    old = [name for name in known if successor(name)]
    assert len(old) > 100
    for name in old:
        assert successor(name) in known
