"""`edge export`: Parquet files have what the recording has, from a file and a database, again and after changes."""

from __future__ import annotations

import os
import pty
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.cli import run_command_line
from edge.hardware.process_memory import PEAK, memory
from edge.recording.postgres.address import PostgresAddress
from tests.support.brokers import wait_for
from tests.support.lessons import HIDDEN, message, record
from tests.support.paths import ROOT
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window, windows

pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra `parquet`)")

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from edge.reporting.parquet_columns import SCHEMA, TABLE, batch_of, values_of

EVER = (MONDAY - 40 * DAY, MONDAY + 900 * DAY)
OLD = ROOT / "tests/fixtures/0.2.0/windows"
PAGE = (ROOT / "docs/parquet.md").read_text()


def export(place: Place, folder: Path, *options: str) -> int:
    address = place.target.url if isinstance(place.target, PostgresAddress) else str(place.target)
    return run_command_line(["export", "--database", address, "--output", str(folder), *options])


def days_in(folder: Path) -> dict[str, int]:
    return {path.parent.name: pq.read_metadata(path).num_rows for path in sorted(folder.rglob("*.parquet"))}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.parent.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.parquet")}


@pytest.fixture
def filled(place: Place) -> Place:
    """Four days of a room in a file and in a database; figures are hidden in some windows."""
    dice = random.Random(3)  # noqa: S311
    sent = windows(1, 200) + [window(n, MONDAY + n * timedelta(minutes=19), dice) for n in range(500, 700)]
    with place.opened() as store:
        store.store(as_messages(sent), MONDAY + 40 * DAY)
    return place


def test_every_window_is_there_as_it_is_recorded(filled: Place, tmp_path: Path) -> None:
    assert export(filled, tmp_path / "out") == 0
    with filled.read() as recording:
        rows = list(recording.rows("room-1", *EVER))
        expected = batch_of(map(values_of, rows)).to_pylist()
    table = ds.dataset(tmp_path / "out", partitioning="hive").to_table()
    found = table.sort_by([("start", "ascending"), ("seq", "ascending")]).to_pylist()
    assert len(found) == len(rows) == 400
    assert {row["start"].strftime("%Y-%m-%d") for row in found} == {str(row.pop("day")) for row in found}
    key = lambda row: (row["start"], row["seq"])  # noqa: E731
    assert found == sorted(expected, key=key)
    assert {row["withheld"] for row in found} >= {None, "figures"}
    for row in found:
        assert (row["faces_total"] is None) == (row["withheld"] == "figures")
        assert row["withheld"] is None or (row["counts"] is None and row["estimate"] is None)


def test_again_costs_nothing_and_changes_are_brought_up_to_date(
    filled: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    assert export(filled, folder) == 0
    days, before = days_in(folder), stamps(folder)
    assert sum(days.values()) == 400
    capsys.readouterr()
    assert export(filled, folder) == 0
    assert f"0 days written with 0 windows, {len(days)} as before" in capsys.readouterr().out
    assert stamps(folder) == before
    first = min(days)
    with filled.opened() as store:
        late = window(900, datetime.fromisoformat(f"{first[4:]}T23:00:00+00:00"), random.Random(1))  # noqa: S311
        store.store(as_messages([late]), MONDAY + 41 * DAY)
    assert export(filled, folder) == 0
    assert "1 day written" in capsys.readouterr().out
    assert days_in(folder) == days | {first: days[first] + 1}
    assert {day for day, each in stamps(folder).items() if each != before[day]} == {first}


def test_a_name_that_reads_like_the_marks_of_another_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parquet writes the least text of each column before the marks; older versions recorded such names."""

    def said(name: str, value: str) -> str:
        return f"\x18{chr(len(name))}{name}\x18{chr(len(value))}{value}\0"

    place = Place(tmp_path / "school.sqlite")
    record(tmp_path / "school.sqlite", [("window", message(n + 1, MONDAY + n * DAY)) for n in range(3)])
    forged = said("edge.source", "another.sqlite") + said("edge.content", "y")
    with sqlite3.connect(tmp_path / "school.sqlite") as file:
        file.execute("UPDATE windows SET model_faces = ? WHERE seq = 1", (forged,))
    file.close()
    assert export(place, tmp_path / "out") == 0
    capsys.readouterr()
    assert export(place, tmp_path / "out") == 0
    assert "0 days written with 0 windows, 3 as before" in capsys.readouterr().out


def test_only_the_days_that_are_asked_for_are_touched(filled: Place, tmp_path: Path) -> None:
    assert export(filled, tmp_path / "all") == 0
    days = days_in(tmp_path / "all")
    _, second, third, *_ = sorted(days)
    assert export(filled, tmp_path / "out", "--from", second[4:], "--to", third[4:]) == 0
    assert days_in(tmp_path / "out") == {day: days[day] for day in (second, third)}


@pytest.mark.parametrize("years", [-10, 3])
def test_days_that_nobody_measured_are_left_out_unless_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], years: int
) -> None:
    place, today = Place(tmp_path / "school.sqlite"), datetime.now(timezone.utc).replace(microsecond=0)
    odd = [today + timedelta(days=365 * years + n) for n in range(20)]
    times = [today - DAY, *odd]
    record(tmp_path / "school.sqlite", [("window", message(n + 1, start)) for n, start in enumerate(times)])
    assert export(place, tmp_path / "out") == 0
    assert days_in(tmp_path / "out") == {f"day={today - DAY:%Y-%m-%d}": 1}
    assert "20 windows of days before 2024 or after tomorrow: left out" in capsys.readouterr().out
    assert export(place, tmp_path / "named", "--from", f"{odd[0]:%Y-%m-%d}", "--to", f"{odd[0]:%Y-%m-%d}") == 0
    assert days_in(tmp_path / "named") == {f"day={odd[0]:%Y-%m-%d}": 1}


def test_a_clock_that_is_behind_removes_no_day_that_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, folder = Place(tmp_path / "school.sqlite"), tmp_path / "out"
    later = [datetime.now(timezone.utc).replace(microsecond=0) + n * DAY for n in (20, 21, 22)]  # as by such a clock
    record(tmp_path / "school.sqlite", [("window", message(n, start)) for n, start in enumerate(later[:2], 1)])
    days = f"{later[0]:%Y-%m-%d}", f"{later[2]:%Y-%m-%d}"
    assert export(place, folder, "--from", days[0], "--to", days[1]) == 0
    before = days_in(folder)
    assert len(before) == 2
    record(
        tmp_path / "school.sqlite",
        [("window", message(3, later[1] + timedelta(minutes=1))), ("window", message(4, later[2]))],
    )
    assert export(place, folder) == 0
    assert days_in(folder) == {**before, f"day={later[1]:%Y-%m-%d}": 2}, "what is there is kept up to date"
    assert "1 window of days" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["link", "pipe", "folder link"])
def test_links_and_pipes_in_the_folder_do_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    place, folder = Place(tmp_path / "school.sqlite"), tmp_path / "out"
    record(tmp_path / "school.sqlite", [("window", message(1, MONDAY))])
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "text").write_text("mine")
    day = folder / f"day={MONDAY:%Y-%m-%d}"
    if kind == "folder link":
        folder.mkdir()
        day.symlink_to(victim)
    else:
        day.mkdir(parents=True)
        for name in ("windows.parquet", ".windows.parquet.new"):
            (day / name).symlink_to(victim / "text") if kind == "link" else os.mkfifo(day / name)
    assert export(place, folder) == 78
    assert "was not made by edge export" in capsys.readouterr().err
    assert [path.name for path in victim.iterdir()] == ["text"]
    if kind != "folder link":  # only what a run writes first
        (day / "windows.parquet").unlink()
        assert export(place, folder) == 0
        assert not (day / "windows.parquet").is_symlink()
        assert days_in(folder) == {day.name: 1}
    assert (victim / "text").read_text() == "mine"


def test_a_file_of_others_is_not_read_whatever_it_says_of_its_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, file = Place(tmp_path / "school.sqlite"), tmp_path / "out/day=2026-11-16/windows.parquet"
    record(tmp_path / "school.sqlite", [("window", message(1, MONDAY))])
    file.parent.mkdir(parents=True)
    for length in (0, 1000, 3 * 10**9):
        with file.open("wb") as made:  # a sparse file takes no room
            made.truncate(length)
            made.seek(length)
            made.write(length.to_bytes(4, "little") + b"PAR1")
        before = memory(PEAK) or 0
        assert export(place, tmp_path / "out") == 78
        assert "was not made by edge export" in capsys.readouterr().err
        assert (memory(PEAK) or 0) - before < 100_000_000


def test_a_file_of_others_does_not_end_the_process_however_deep_its_columns_are(tmp_path: Path) -> None:
    record(tmp_path / "school.sqlite", [("window", message(1, MONDAY))])
    file = tmp_path / "out/day=2026-11-16/windows.parquet"
    file.parent.mkdir(parents=True)
    groups = 100_000  # each within the one before
    schema = bytes.fromhex("48 01 72 15 02 00" + "35 02 18 01 61 15 02 00" * groups + "15 02 25 02 18 01 61 00")
    footer = bytes.fromhex("15 02 19 fc a2 8d 06") + schema + bytes.fromhex("16 00 19 0c 00")
    file.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    command = [sys.executable, "-m", "edge", "export", "--database", "school.sqlite", "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert "was not made by edge export" in done.stderr


def test_a_file_that_was_cut_off_is_not_taken_for_a_whole_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, file = Place(tmp_path / "school.sqlite"), tmp_path / "out/day=2026-11-16/windows.parquet"
    record(tmp_path / "school.sqlite", [("window", message(1, MONDAY))])
    assert export(place, tmp_path / "out") == 0
    file.write_bytes(file.read_bytes()[:-4])
    assert export(place, tmp_path / "out") == 78
    assert "windows.parquet was not made by edge export" in capsys.readouterr().err


def test_nothing_is_removed_through_a_link_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody keeps an export of their own, as docs/parquet.md recommends for days that are to last."""
    place, kept, folder = Place(tmp_path / "school.sqlite"), tmp_path / "kept", tmp_path / "out"
    record(tmp_path / "school.sqlite", [("window", message(1, MONDAY))])
    assert export(place, kept) == 0
    place.delete("room-1", MONDAY, MONDAY + DAY, MONDAY + 3 * DAY)
    folder.mkdir()
    (folder / "day=2026-11-16").symlink_to(kept / "day=2026-11-16")
    assert export(place, folder) == 78
    assert "day=2026-11-16 was not made by edge export" in capsys.readouterr().err
    assert days_in(kept) == {"day=2026-11-16": 1}


# Exchanges the folder of a day for a link at the moment in which a file of it is opened, renamed or removed.
EXCHANGE = """
import os, sys
from edge.__main__ import main
moment, name, day, elsewhere = sys.argv[1:5]
sys.argv[1:5] = []
def exchange(event, arguments):
    if event == moment and str(arguments[0]).endswith(name) and not os.path.lexists("aside"):
        os.mkdir("aside")
        os.rename(day, "aside")
        os.symlink(elsewhere, day)
sys.addaudithook(exchange)
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("moment", "name"),
    [("os.remove", "windows.parquet"), ("open", ".windows.parquet.new"), ("os.rename", ".windows.parquet.new")],
)
def test_a_link_that_takes_the_place_of_a_folder_meanwhile_leads_nowhere(
    tmp_path: Path, moment: str, name: str
) -> None:
    place, victim, day = Place(tmp_path / "school.sqlite"), tmp_path / "victim", tmp_path / "out/day=2026-11-16"
    record(tmp_path / "school.sqlite", [("window", message(n + 1, MONDAY + n * DAY)) for n in range(2)])
    assert export(place, tmp_path / "out") == 0
    if moment == "os.remove":
        place.delete("room-1", MONDAY, MONDAY + DAY, MONDAY + 3 * DAY)
    else:
        record(tmp_path / "school.sqlite", [("window", message(3, MONDAY + timedelta(minutes=9)))])
    victim.mkdir()
    names = ("windows.parquet", ".windows.parquet.new")
    for each in names:
        (victim / each).write_text(each)
    words = ["export", "--database", "school.sqlite", "--output", "out"]
    command = [sys.executable, "-c", EXCHANGE, moment, name, str(day), str(victim), *words]
    subprocess.run(command, cwd=tmp_path, env=_environment(), check=True)
    assert day.is_symlink()
    assert {path.name: path.read_text() for path in victim.iterdir()} == {each: each for each in names}
    assert days_in(tmp_path / "aside") == ({} if moment == "os.remove" else {"aside": 2})


def test_what_was_deleted_leaves_the_folder_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, folder = Place(tmp_path / "school.sqlite"), tmp_path / "out"
    starts = [MONDAY, MONDAY + timedelta(minutes=1), MONDAY + DAY]
    record(tmp_path / "school.sqlite", [("window", message(n + 1, start)) for n, start in enumerate(starts)])
    assert export(place, folder) == 0
    assert days_in(folder) == {"day=2026-11-16": 2, "day=2026-11-17": 1}
    place.delete("room-1", MONDAY + DAY, MONDAY + 2 * DAY, MONDAY + 3 * DAY)
    place.delete("room-1", MONDAY, MONDAY + timedelta(minutes=1), MONDAY + 3 * DAY)
    assert export(place, folder, "--to", "2026-11-16") == 0
    assert days_in(folder) == {"day=2026-11-16": 1, "day=2026-11-17": 1}
    assert export(place, folder) == 0
    assert "2026-11-17 removed: nothing is recorded of it" in capsys.readouterr().out
    assert days_in(folder) == {"day=2026-11-16": 1}
    assert not (folder / "day=2026-11-17").exists()


def test_two_recordings_of_one_name_are_told_apart_and_one_may_be_renamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, files = tmp_path / "out", [tmp_path / name / "school.sqlite" for name in ("north", "south")]
    for file in files:
        file.parent.mkdir()
        record(file, [("window", message(1, MONDAY))])
    assert export(Place(files[0]), folder) == 0
    before = stamps(folder)
    assert export(Place(files[1]), folder) == 78
    assert "is of school.sqlite, not of another recording of that name" in capsys.readouterr().err
    assert stamps(folder) == before
    moved = files[0].rename(tmp_path / "2026.sqlite")
    assert export(Place(moved), folder) == 0
    assert "0 days written" not in capsys.readouterr().out  # the new name is in the file
    assert export(Place(moved), folder) == 0
    assert "0 days written" in capsys.readouterr().out


def test_a_school_of_another_database_is_another_recording(tmp_path: Path, filled: Place) -> None:
    with filled.read() as recording:
        assert len(recording.identity) >= 32
        first = recording.identity
    with filled.read() as again:
        assert again.identity == first
    record(tmp_path / "other.sqlite", [("window", message(1, MONDAY))])
    with Place(tmp_path / "other.sqlite").read() as other:
        assert other.identity != first


def test_a_recording_of_an_older_version_is_known_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "out", tmp_path / "north.sqlite"
    record(file, [("window", message(1, MONDAY))])
    with sqlite3.connect(file) as older:
        older.execute("DELETE FROM about WHERE key = 'recording'")
    older.close()
    assert export(Place(file), folder) == 0
    record(file, [("window", message(2, MONDAY + DAY))])  # a recorder of this version
    assert export(Place(file), folder) == 0
    record(tmp_path / "other" / "south.sqlite", [("window", message(1, MONDAY))])
    assert export(Place(tmp_path / "other" / "south.sqlite"), folder) == 78
    assert "is of north.sqlite, not of south.sqlite" in capsys.readouterr().err


def test_a_folder_of_version_0_2_goes_on_also_after_a_way_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "windows", tmp_path / "school.sqlite"
    shutil.copytree(OLD, folder)  # 16 and 17 November
    record(file, [("window", message(n + 1, MONDAY + n * DAY)) for n in range(3)])
    assert export(Place(file), folder, "--from", "2026-11-18") == 0  # a new day beside old ones
    assert export(Place(file), folder) == 0
    assert "2 days written" in capsys.readouterr().out
    back = shutil.copy(OLD / "day=2026-11-17/windows.parquet", folder / "day=2026-11-17")  # version 0.2 wrote it again
    assert export(Place(file), folder) == 0
    assert "1 day written with 1 window, 2 as before" in capsys.readouterr().out
    assert Path(back).read_bytes() != (OLD / "day=2026-11-17/windows.parquet").read_bytes()
    assert days_in(folder) == {f"day=2026-11-{day}": 1 for day in (16, 17, 18)}


def test_what_was_deleted_leaves_a_folder_of_version_0_2_and_another_recording_does_not_take_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, files = tmp_path / "windows", [tmp_path / f"{name}.sqlite" for name in ("school", "other")]
    shutil.copytree(OLD, folder)
    for file in files:
        record(file, [("window", message(1, MONDAY))])
    assert export(Place(files[1]), folder) == 78
    assert "is of school.sqlite, not of other.sqlite" in capsys.readouterr().err
    assert export(Place(files[0]), folder) == 0
    assert "2026-11-17 removed: nothing is recorded of it" in capsys.readouterr().out
    assert days_in(folder) == {"day=2026-11-16": 1}


def test_a_folder_is_of_one_recording_and_what_is_not_ours_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "out", tmp_path / "out/day=2026-11-16/windows.parquet"
    for name in ("north", "south"):
        record(tmp_path / f"{name}.sqlite", [("window", message(1, MONDAY))])
    assert export(Place(tmp_path / "north.sqlite"), folder) == 0
    before = file.read_bytes()
    assert export(Place(tmp_path / "south.sqlite"), folder) == 78
    assert "is of north.sqlite, not of south.sqlite: give another --output" in capsys.readouterr().err
    assert file.read_bytes() == before
    for foreign in (b"somebody's notes", _foreign_parquet(tmp_path)):
        file.write_bytes(foreign)
        for options in ((), ("--from", "2026-11-16", "--to", "2026-11-16")):
            assert export(Place(tmp_path / "north.sqlite"), folder, *options) == 78
            assert "was not made by edge export" in capsys.readouterr().err
        assert file.read_bytes() == foreign


def _foreign_parquet(folder: Path) -> bytes:
    path = folder / "foreign.parquet"
    pq.write_table(SCHEMA.empty_table().replace_schema_metadata(None), path)
    return path.read_bytes()


def test_what_another_program_wrote_beside_withheld_figures_is_not_exported(tmp_path: Path) -> None:
    path = tmp_path / "school.sqlite"
    record(path, [("window", message(1, MONDAY, **HIDDEN))])
    with sqlite3.connect(path) as file:
        file.execute("UPDATE windows SET faces_total = 7, counts = '{\"happy\": 7}'")
    assert export(Place(path), tmp_path / "out") == 0
    (row,) = ds.dataset(tmp_path / "out").to_table().to_pylist()
    assert (row["withheld"], row["faces_total"], row["counts"]) == ("figures", None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [("counts = 'nonsense'", "window 2 of room-1 is damaged"), ("seq = 'nonsense'", "of room-1 is damaged")],
)
def test_a_damaged_row_ends_it_with_its_name_and_leaves_no_half_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, words: str
) -> None:
    path = tmp_path / "school.sqlite"
    record(path, [("window", message(n + 1, MONDAY + n * timedelta(minutes=1))) for n in range(3)])
    with sqlite3.connect(path) as file:
        file.execute(f"UPDATE windows SET {change} WHERE seq = 2")  # noqa: S608
    assert export(Place(path), tmp_path / "out") == 1
    assert words in capsys.readouterr().err
    assert [each for each in (tmp_path / "out").rglob("*") if each.is_file()] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "2026-11-20", "--to", "2026-11-19"), "--to 2026-11-19 is before --from 2026-11-20"),
        (("--school", "north"), "has no password and no schools"),
    ],
)
def test_mistakes(options: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "school.sqlite", [("window", message(1, MONDAY))])
    assert export(Place(tmp_path / "school.sqlite"), tmp_path / "out", *options) == 78
    assert words in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "school.sqlite", [("window", message(1, MONDAY))])
    (tmp_path / "out").write_text("a file")
    assert export(Place(tmp_path / "school.sqlite"), tmp_path / "out") == 1
    assert f"{tmp_path / 'out'} cannot be written" in capsys.readouterr().err


def test_without_pyarrow_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    script = "import sys; sys.modules['pyarrow'] = None; from edge.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "export", "--database", "x.sqlite", "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "pip install 'edge-emotions[parquet]'" in done.stderr


def test_a_bar_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    record(tmp_path / "school.sqlite", [("window", message(n + 1, MONDAY + n * DAY)) for n in range(5)])
    command = [sys.executable, "-m", "edge", "export", "--database", "school.sqlite", "--output", "out"]
    master, slave = pty.openpty()
    done = subprocess.run(
        command, cwd=tmp_path, env=_environment(), stdout=subprocess.PIPE, stderr=slave, text=True, check=True
    )
    os.close(slave)
    assert "exporting" in os.read(master, 65536).decode()
    os.close(master)
    assert done.stdout == "out: 5 days written with 5 windows, 0 as before\n"
    done = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_one_that_is_killed_leaves_whole_files_and_goes_on(tmp_path: Path) -> None:
    place, dice = Place(tmp_path / "school.sqlite"), random.Random(5)  # noqa: S311
    sent = [window(n + 1, MONDAY - 20 * DAY + n * timedelta(minutes=5), dice) for n in range(20 * 288)]
    with place.opened() as store:
        store.store(as_messages(sent), MONDAY)
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "edge", "export", "--database", "school.sqlite", "--output", "out"]
    with subprocess.Popen(command, cwd=tmp_path, env=_environment(), stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: len(list(folder.glob("day=*/windows.parquet"))) >= 3, 30, "some days")
        process.kill()
    before = stamps(folder)
    assert 3 <= len(before) < 20
    assert sum(days_in(folder).values()) > 0, "every file can be read"
    assert export(place, folder) == 0
    assert sum(days_in(folder).values()) == len(sent)
    assert before.items() <= stamps(folder).items()
    assert [path for path in folder.rglob("*") if path.is_file() and path.name != "windows.parquet"] == []


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}


def test_the_page_has_the_columns_and_its_example_runs(filled: Place, tmp_path: Path) -> None:
    lines = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    assert [[cell.strip("|` ") for cell in line[:1]] + [line[-1].strip("| ")] for line in lines] == [
        [each.name, each.meaning] for each in TABLE
    ]
    assert [(line[1], line[2].strip()) for line in lines] == [
        (str(each.type), "" if each.needed else "yes") for each in TABLE
    ]
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(example.splitlines()) < 25
    assert export(filled, tmp_path / "windows") == 0
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=True)
    said = [line.split("\t") for line in done.stdout.splitlines()]
    assert said == _hours(filled)


def _hours(place: Place) -> list[list[str]]:
    """The same without pyarrow."""
    found: dict[datetime, list[Any]] = {}
    with place.read() as recording:
        for each in recording.windows("room-1", *EVER):
            hour = found.setdefault(each.start.replace(minute=0, second=0, microsecond=0), [0, 0, 0, 0])
            counts = each.counts or {}
            hour[0] += 1
            hour[1] += each.withheld is not None
            hour[2] += counts.get("happy", 0)
            hour[3] += sum(counts.values()) - counts.get("unknown", 0)
    return [
        ["room-1", str(hour.astimezone(timezone.utc)), str(n), str(hidden), str(happy / named if named else None)]
        for hour, (n, hidden, happy, named) in sorted(found.items())
    ]
