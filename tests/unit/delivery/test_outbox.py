"""The outbox, and where it and the password come from."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.contract.timestamps import format_timestamp
from edge.daemon.paths import make_outbox
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_tables import Loss
from edge.errors import ConfigError
from edge.timing.elapsed import TimePoint

SCHEMA = "edge.window/2"


def test_two_daemons_cannot_share_an_outbox(tmp_path: Path) -> None:
    first, second = Outbox(tmp_path / "o"), Outbox(tmp_path / "o")
    first.start()
    with pytest.raises(ConfigError, match="in use by another edge daemon"):
        second.start()
    first.stop()
    second.start()
    assert second.epoch == first.epoch
    second.stop()


def test_a_corrupt_outbox_is_set_aside_and_a_new_epoch_begins(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.put("{}", SCHEMA)
    epoch = outbox.epoch
    outbox.stop()
    (tmp_path / "o").write_bytes(b"this was a database" * 500)
    outbox.start()
    assert outbox.epoch != epoch
    assert outbox.depth == 0
    assert len(list(tmp_path.glob("o.corrupt-*"))) == 1
    outbox.stop()


def test_sequence_numbers_are_never_used_twice(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    for _ in range(2):
        outbox.acknowledge(outbox.put("{}", SCHEMA))
    outbox.delete_acknowledged()
    outbox.stop()
    outbox.start()
    assert outbox.put("{}", SCHEMA) == 3
    assert outbox.depth == 1
    outbox.stop()


def test_an_outbox_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "o")
    database.executescript(
        "CREATE TABLE epoch (name TEXT NOT NULL); INSERT INTO epoch VALUES ('0123abcd');"
        "CREATE TABLE windows (seq INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL, body TEXT NOT NULL);"
        "INSERT INTO windows VALUES (7, 1.0, 'body')"
    )
    database.close()
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    assert outbox.epoch == "0123abcd"
    assert [(row.seq, row.body, row.schema) for row in outbox.rows(0, 100, 100)] == [(7, "body", "edge.window/1")]
    assert outbox.put("{}", SCHEMA) == 8
    outbox.stop()


def test_only_new_windows_wait_for_the_flash_memory(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    mode = "PRAGMA synchronous"
    with outbox._undoable() as database:
        assert database.execute(mode).fetchone() == (1,)  # NORMAL
    assert database.execute(mode).fetchone() == (2,)  # FULL
    with pytest.raises(ZeroDivisionError), outbox._undoable():
        raise ZeroDivisionError
    assert database.execute(mode).fetchone() == (2,)
    outbox.stop()


# Age

DAY = 86400.0


class Clock:
    """Time as a test wants it."""

    def __init__(self, boot: str, uptime: float, unix: float, *, synced: bool) -> None:
        self.moment = TimePoint(boot, uptime, unix, synced)

    def __call__(self) -> TimePoint:
        return self.moment

    def change(self, **values: object) -> None:
        self.moment = replace(self.moment, **values)  # type: ignore[arg-type]


def stored(path: Path, clock: Clock) -> Outbox:
    outbox = Outbox(path, now=clock)
    outbox.start()
    outbox.put("{}", SCHEMA)
    return outbox


@pytest.mark.parametrize("years", [56, -56])
def test_a_clock_that_is_set_by_years_drops_nothing_and_keeps_nothing_for_ever(tmp_path: Path, years: int) -> None:
    clock = Clock("a", 60.0, 1.79e9, synced=years < 0)
    outbox = stored(tmp_path / "o", clock)
    clock.change(unix=1.79e9 + years * 365 * DAY, synced=True)
    assert outbox.expire(DAY) == 0
    clock.change(uptime=60 + DAY - 1)
    assert outbox.expire(DAY) == 0
    clock.change(uptime=60 + DAY + 1)
    assert outbox.expire(DAY) == 1
    assert outbox.loss == Loss(1, format_timestamp(datetime.fromtimestamp(clock.moment.unix, timezone.utc)), "")
    outbox.stop()


def test_a_day_without_power_counts_once_both_clocks_are_known(tmp_path: Path) -> None:
    clock = Clock("a", 60.0, 1.79e9, synced=True)
    outbox = stored(tmp_path / "o", clock)
    # No battery: after the start the clock stands where it was left, until the network tells better.
    clock.change(boot="b", uptime=5.0, synced=False)
    assert outbox.expire(DAY) == 0
    clock.change(unix=1.79e9 + 2 * DAY, synced=True)
    assert outbox.rows(0, 9, 9)[0].age == 2 * DAY
    assert outbox.expire(DAY, keep={1}) == 0
    assert outbox.expire(DAY) == 1
    outbox.stop()


def test_a_window_of_a_clock_that_was_never_set_is_dropped_after_a_day_of_uptime(tmp_path: Path) -> None:
    clock = Clock("a", 60.0, 0.0, synced=False)
    outbox = stored(tmp_path / "o", clock)
    clock.change(boot="b", uptime=5.0, unix=1.79e9, synced=True)
    outbox.put("{}", SCHEMA)
    assert outbox.expire(DAY) == 0
    clock.change(uptime=DAY + 1)
    assert outbox.expire(DAY) == 1
    clock.change(uptime=DAY + 6)
    assert outbox.expire(DAY) == 1
    outbox.stop()


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "o")
    database.execute("CREATE TABLE windows (a, b)")
    database.close()
    with pytest.raises(ConfigError, match="no such column"):
        Outbox(tmp_path / "o").start()


def test_an_outbox_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="outbox"):
        Outbox(tmp_path / "file" / "o").start()


def test_the_limits_of_the_outbox_are_configured(tmp_path: Path) -> None:
    outbox = make_outbox(Config.model_validate({"outbox": {"path": str(tmp_path / "o"), "max_megabytes": 3}}))
    assert outbox._max_bytes == 3_000_000
    for value in (0, 10001):
        with pytest.raises(ValueError, match="max_megabytes"):
            Config.model_validate({"outbox": {"max_megabytes": value}})


# What the broker has


def test_what_the_broker_has_waits_no_longer_and_is_deleted_later(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    first, second = outbox.put("{}", SCHEMA), outbox.put("{}", SCHEMA)
    outbox.acknowledge(first)
    outbox.acknowledge(first)
    assert (outbox.depth, outbox.acknowledged) == (1, {first})
    # Opened again before it is deleted, as after an error of the disk: it still does not wait.
    outbox.stop()
    outbox.start()
    assert (outbox.depth, outbox.acknowledged) == (1, {first})
    outbox.delete_acknowledged()
    assert (outbox.depth, outbox.acknowledged) == (1, set())
    assert [row.seq for row in outbox.rows(0, 9, 9)] == [second]
    # What the broker has is neither too old nor too much: it is no loss.
    outbox.acknowledge(second)
    assert outbox.expire(-1.0) == 0
    assert outbox.loss is None
    outbox.stop()


def test_another_database_in_the_place_of_the_first_has_nothing_acknowledged(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.acknowledge(outbox.put("{}", SCHEMA))
    outbox.set_aside("a test wants it")
    assert (outbox.depth, outbox.acknowledged) == (0, set())
    assert outbox.put("{}", SCHEMA) == 1
    assert outbox.depth == 1
    outbox.stop()


# Rows that are damaged


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, 'x', 'y')", "body = CAST(x'7bff00fe' AS TEXT)", "body = 7", "schema = 'edge.window/1'",
        "checksum = 0", "checksum = 'what'", "checksum = NULL",
    ],
)  # fmt: skip
def test_a_damaged_row_is_told_from_a_sound_one(tmp_path: Path, change: str) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.put('{"a":"x"}', SCHEMA)
    outbox.put('{"a":"x"}', SCHEMA)
    assert all(row.sound for row in outbox.rows(0, 9, 9))
    outbox.stop()
    database = sqlite3.connect(tmp_path / "o")
    database.execute(f"UPDATE windows SET {change} WHERE seq = 2")  # noqa: S608
    database.commit()
    database.close()
    outbox.start()
    assert [row.sound for row in outbox.rows(0, 9, 9)] == [True, False]
    outbox.stop()
