"""The outbox, and where it and the password come from."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import MAX_COUNT
from edge.daemon.paths import make_outbox
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_tables import APPLICATION, LAYOUT, Loss, read_only
from edge.errors import BusyError, ConfigError
from edge.timing.elapsed import TimePoint
from tests.support.paths import ROOT

SCHEMA = "edge.window/2"


def test_two_daemons_cannot_share_an_outbox(tmp_path: Path) -> None:
    first, second = Outbox(tmp_path / "o"), Outbox(tmp_path / "o")
    first.start()
    with pytest.raises(BusyError, match="in use by another program.*device.name"):
        second.start()
    first.stop()
    second.start()
    assert second.epoch == first.epoch
    second.stop()


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """That of somebody who starts the daemon by hand."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
def test_nobody_else_can_read_or_lock_an_outbox_in_a_folder_that_is_open_to_others(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("o")
    outbox = Outbox(tmp_path / "link")
    outbox.start()
    outbox.put("{}", SCHEMA)
    (tmp_path / "link").unlink()
    assert modes(tmp_path) == {"o": 0o600, "o-wal": 0o600}
    outbox.stop()


@pytest.mark.usefixtures("usual_umask")
def test_an_outbox_that_others_could_read_is_closed_to_them_also_while_they_lock_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.put("{}", SCHEMA)
    copies = {name: (tmp_path / name).read_bytes() for name in ("o", "o-wal")}
    outbox.stop()
    for name, content in copies.items():  # as after a kill
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o644)
    lock = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", lock, tmp_path / "o"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(BusyError):
            Outbox(tmp_path / "o").start()
        assert modes(tmp_path) == {"o": 0o600, "o-wal": 0o600}
        other.communicate(b"\n")
    outbox.start()
    assert outbox.depth == 1
    outbox.stop()


def test_a_look_at_an_outbox_by_its_own_daemon_leaves_it_locked(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    with read_only(tmp_path / "o") as database:  # as the set-up page does, which runs in the daemon
        assert database.execute("SELECT name FROM epoch").fetchone() == (outbox.epoch,)
    other = "import pathlib; from edge.delivery.outbox import Outbox; Outbox(pathlib.Path({!r})).start()"
    ended = subprocess.run(
        [sys.executable, "-c", other.format(str(tmp_path / "o"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "in use by another program" in ended.stderr
    outbox.stop()


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


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize(
    ("there", "offset", "bit"),
    [
        (b"windows", 0, 0x80),  # SQLite's words for it are no text
        (b"body TEXT", 2, 0x80),
        (b"seq INTEGER", 0, 0x01),
        (b"(name,seq)", 1, 0x01),  # of the numbers that were given
        (b"lost INTEGER", 3, 0x01),
        (b"boot TEXT", 1, 0x10),
        (b"\0\0\0\4\0\0\0\0", 3, 0x80),  # the format of the schema, of which SQLite knows 1 to 4
    ],
)
def test_a_bit_of_its_schema_that_has_changed_ends_no_counting(
    tmp_path: Path, there: bytes, offset: int, bit: int, *, chosen: bool
) -> None:
    outbox = Outbox(tmp_path / "o", chosen=chosen)
    outbox.start()
    epoch = outbox.epoch
    outbox.stop()
    content = bytearray((tmp_path / "o").read_bytes())
    content[content.index(there) + offset] ^= bit
    (tmp_path / "o").write_bytes(content)
    outbox.start()
    assert outbox.epoch != epoch
    assert outbox.put("{}", SCHEMA) == 1
    assert outbox.loss is not None
    assert (tmp_path / outbox.loss.aside).read_bytes() == content
    outbox.stop()


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("place", [18, 19])
def test_an_outbox_whose_header_says_read_only_ends_no_counting(tmp_path: Path, place: int, *, chosen: bool) -> None:
    outbox = Outbox(tmp_path / "o", chosen=chosen)
    outbox.start()
    outbox.stop()
    content = bytearray((tmp_path / "o").read_bytes())
    content[place] ^= 0x80
    (tmp_path / "o").write_bytes(content)
    outbox.start()
    assert outbox.put("{}", SCHEMA) == 1
    assert len(list(tmp_path.glob("o.corrupt-*"))) == 1
    outbox.stop()


def test_a_full_outbox_shows_that_it_is_opened(tmp_path: Path) -> None:
    """A month of windows takes a minute on a slow card, and a watchdog waits for half a minute."""
    outbox, told = Outbox(tmp_path / "o"), list[None]()
    outbox.start(lambda: told.append(None))
    outbox.put("{}", SCHEMA)
    outbox.stop()
    assert not told
    with contextlib.closing(sqlite3.connect(tmp_path / "o")) as file, file:
        columns = "created, body, boot, uptime, synced, schema, checksum"
        file.execute(
            f"INSERT INTO windows ({columns}) WITH RECURSIVE given(n) AS "  # noqa: S608
            f"(SELECT 2 UNION ALL SELECT n + 1 FROM given WHERE n < 30000) SELECT {columns} FROM windows, given"
        )
    outbox.start(lambda: told.append(None))
    assert outbox.depth == 30_000
    assert len(told) >= 3
    told.clear()
    outbox.put("{}", SCHEMA)
    assert len(outbox.rows(0, 40_000, 40_000)) == 30_001
    assert not told, "only while it is opened: later another thread uses it"
    outbox.stop()


@pytest.mark.parametrize(
    ("table", "number"),
    [
        ("sqlite_sequence", MAX_COUNT),
        ("sqlite_sequence", MAX_COUNT - 10),
        ("sqlite_sequence", 2**63 - 1),
        ("sqlite_sequence", 1e300),
        ("sqlite_sequence", "999999999999"),
        ("sqlite_sequence", -7),
        ("windows", 2**63 - 1),
        ("windows", -1),
    ],
)
def test_numbers_that_recorders_do_not_believe_begin_a_new_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, table: str, number: object
) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.put("{}", SCHEMA)
    epoch = outbox.epoch
    outbox.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "o")) as database, database:
        database.execute(f"UPDATE {table} SET seq = ?", (number,))  # noqa: S608
    outbox.start()
    assert outbox.epoch != epoch
    assert (outbox.put("{}", SCHEMA), outbox.depth) == (1, 1)
    assert "the numbers of its windows are damaged" in caplog.text
    assert outbox.loss is not None
    assert (tmp_path / outbox.loss.aside).exists()
    outbox.stop()


def test_an_outbox_that_does_not_count_begins_a_new_epoch(tmp_path: Path) -> None:
    """Without AUTOINCREMENT a number is used again once its window is deleted."""
    with contextlib.closing(sqlite3.connect(tmp_path / "o")) as database, database:
        database.execute("CREATE TABLE windows (seq INTEGER PRIMARY KEY, created REAL NOT NULL, body TEXT NOT NULL)")
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    assert [outbox.put("{}", SCHEMA) for _ in range(2)] == [1, 2]
    outbox.stop()
    assert len(list(tmp_path.glob("o.corrupt-*"))) == 1


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


def foreign(path: Path) -> bytes:
    """Another program's database."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE windows (room TEXT)")
        database.execute("INSERT INTO windows VALUES ('kitchen')")
    database.close()
    return path.read_bytes()


def marked(path: Path, application: int, layout: int) -> bytes:
    """A database that says of which program and version it is."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE windows (seq INTEGER PRIMARY KEY, created REAL, body TEXT)")
        database.execute(f"PRAGMA application_id={application}")
        database.execute(f"PRAGMA user_version={layout}")
    database.close()
    return path.read_bytes()


def text(path: Path) -> bytes:
    path.write_text("Dear diary\n" * 3)
    return path.read_bytes()


def prepared(path: Path, script: str) -> bytes:
    """An outbox of ours, to which somebody has added something."""
    outbox = Outbox(path)
    outbox.start()
    outbox.stop()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.executescript(script)
    database.close()
    return path.read_bytes()


VIEW = """
DROP TABLE windows; CREATE VIEW windows AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
SELECT x AS seq, 0.0 AS created, '' AS body, '' AS boot, 0 AS uptime, 0 AS synced, '' AS schema, 0 AS checksum FROM n
"""
INDEX = "CREATE INDEX x ON windows (length(hex(zeroblob(20000000))), seq)"
TRIGGER = "CREATE TRIGGER x BEFORE INSERT ON windows BEGIN SELECT RAISE(IGNORE); END"
OTHERS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "text": (text, "it is no SQLite database"),
    "other tables": (foreign, "it is another program's database"),
    "other application": (lambda path: marked(path, 0x0F055111, 0), "it is another program's database"),
    "an endless view": (lambda path: prepared(path, VIEW), "windows is no plain table"),
    "an index that computes": (lambda path: prepared(path, INDEX), "x is no plain index"),
    "a trigger": (lambda path: prepared(path, TRIGGER), "it has a trigger"),
    "newer": (lambda path: marked(path, APPLICATION, LAYOUT + 1), f"layout {LAYOUT + 1} of a newer version"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_ours_is_refused_untouched_where_a_person_chose_the_path(tmp_path: Path, kind: str) -> None:
    make, expected = OTHERS[kind]
    before = make(tmp_path / "o")
    (tmp_path / "o").chmod(mode := 0o644 if kind in ("text", "other tables", "other application") else 0o600)
    with pytest.raises(ConfigError, match=f"{expected}.*: set outbox.path to another file"):
        Outbox(tmp_path / "o", chosen=True).start()
    assert (tmp_path / "o").read_bytes() == before
    assert modes(tmp_path) == {"o": mode}


def test_what_would_be_waited_for_is_no_outbox(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "o")
    with pytest.raises(ConfigError, match=r"not a regular file.*: set outbox.path to another file"):
        Outbox(tmp_path / "o", chosen=True).start()
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    assert outbox.put("{}", "edge.window/2") == 1
    outbox.stop()


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_ours_is_set_aside_at_our_own_path_and_counting_goes_on(tmp_path: Path, kind: str) -> None:
    before = OTHERS[kind][0](tmp_path / "o")
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    assert outbox.put("{}", "edge.window/2") == 1
    outbox.stop()
    (aside,) = tmp_path.glob("o.corrupt-*" if kind == "text" else "o.foreign-*")
    assert aside.read_bytes() == before


@pytest.mark.parametrize("content", [b"", bytes(4096), b"SQLite format 3\0" + bytes(50)])
def test_what_a_power_failure_left_of_an_outbox_is_no_foreign_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "o").write_bytes(content)
    outbox = Outbox(tmp_path / "o", chosen=True)
    outbox.start()
    assert outbox.put("{}", "edge.window/2") == 1
    outbox.stop()


def test_an_outbox_says_what_it_is_and_one_of_0_1_0_is_adopted(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "o") as database:  # as version 0.1.0 made them
        database.execute("CREATE TABLE epoch (name TEXT NOT NULL)")
        database.execute("INSERT INTO epoch VALUES ('6f1c9a2e')")
        database.execute("CREATE TABLE windows (seq INTEGER PRIMARY KEY AUTOINCREMENT, created REAL, body TEXT)")
        database.execute("INSERT INTO windows (created, body) VALUES (0, '{}')")
    database.close()
    outbox = Outbox(tmp_path / "o", chosen=True)
    outbox.start()
    assert (outbox.epoch, outbox.depth) == ("6f1c9a2e", 1)
    outbox.stop()
    header = (tmp_path / "o").read_bytes()[:100]
    assert int.from_bytes(header[68:72], "big") == APPLICATION
    assert int.from_bytes(header[60:64], "big") == LAYOUT
