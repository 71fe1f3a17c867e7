"""A recording and its `-wal` that were parted after a kill: nothing acknowledged is lost, and no backup is ruined."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.recording import journal_mark
from edge.recording.database import Database
from edge.recording.deletion import Eraser
from edge.recording.postgres.copying import SchoolFile
from edge.recording.reader import Recording
from tests.support.paths import ROOT
from tests.support.recordings import message, rows

# Records the windows that it is given, as a recorder does, and is killed, or closes the file.
RECORDER = """
import os, signal, sqlite3, sys
from datetime import datetime, timezone
from pathlib import Path
from edge.contract.validation import read_message
from edge.recording.database import Database

path, end = Path(sys.argv[1]), sys.argv[2]
now = datetime.now(timezone.utc)
database = Database(path, "classroom")
database.start()
database.claim("continue")
database.end_long_readers()
for line in sys.stdin:
    database.store([read_message("classroom", "classroom/room-1/window", line.encode())], now)
if end == "killed after a backup":
    sqlite3.connect(path).execute("VACUUM INTO ?", (f"{path}.backup",))
if end != "closed":
    os.kill(os.getpid(), signal.SIGKILL)
database.stop()
"""


def record(path: Path, first: int, count: int, end: str = "killed", before: str = "") -> None:
    ended = subprocess.run(
        [sys.executable, "-c", before + RECORDER, str(path), end],
        input="".join(f"{json.dumps(message(seq))}\n" for seq in range(first, first + count)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == (0 if end == "closed" else -signal.SIGKILL), ended.stderr


def vacuum_into(path: Path, backup: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("VACUUM INTO ?", (str(backup),))


def online(path: Path, backup: Path) -> None:
    """As `sqlite3 school.sqlite ".backup ..."`."""
    with contextlib.closing(sqlite3.connect(path)) as file, contextlib.closing(sqlite3.connect(backup)) as target:
        file.backup(target)


def journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def opened(path: Path) -> None:
    database = Database(path, "classroom")
    database.start()
    database.stop()


def read(path: Path) -> None:
    recording = Recording(path)
    recording.start()
    recording.stop()


def delete(path: Path) -> None:
    eraser = Eraser(path)
    eraser.start()
    eraser.stop()


def copy(path: Path) -> None:
    file = SchoolFile(path, "classroom")
    file.start()
    file.stop()


def content(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith("-shm")}


def test_what_was_recorded_before_a_kill_is_there_at_the_next_start(path: Path) -> None:
    for first in (1, 31, 61):
        record(path, first, 30)
        assert journal(path).stat().st_size > 0
    opened(path)
    assert rows(path) == list(range(1, 91))
    read(path)


@pytest.mark.parametrize("made", [vacuum_into, online, shutil.copy])
def test_a_backup_in_place_of_a_recording_is_not_mixed_with_what_its_wal_has(
    path: Path, made: Callable[[Path, Path], None]
) -> None:
    record(path, 1, 20, "closed")
    made(path, backup := path.with_name("backup"))
    record(path, 21, 400)
    shutil.copy(backup, path)
    before = content(path.parent)
    for use in (opened, delete, read, copy):
        with pytest.raises(ConfigError, match="school.sqlite-wal belongs to the file that was here before"):
            use(path)
        assert content(path.parent) == before
    journal(path).rename(path.with_name("put-away"))
    record(path, 501, 3)
    assert rows(path) == [*range(1, 21), 501, 502, 503]


def test_a_backup_of_the_same_hour_that_vacuum_made_is_told(path: Path) -> None:
    record(path, 1, 20, "killed after a backup")
    shutil.copy(backup := path.with_name("school.sqlite.backup"), path)
    for use in (opened, delete, copy):
        with pytest.raises(ConfigError, match="belongs to the file that was here before"):
            use(path)
    assert rows(backup) == list(range(1, 21))


def test_a_backup_that_is_put_back_without_the_wal_goes_on(path: Path) -> None:
    record(path, 1, 5, "closed")
    shutil.copy(path, backup := path.with_name("backup"))
    record(path, 6, 5)
    journal(path).unlink()
    shutil.copy(backup, path)
    record(path, 100, 5)  # and is killed: the mark of before does not count
    opened(path)
    assert rows(path) == [1, 2, 3, 4, 5, 100, 101, 102, 103, 104]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_backup_of_the_folder_of_a_stopped_recorder_is_not_mixed_with_a_wal(tmp_path: Path, *, deleted: bool) -> None:
    path = tmp_path / "recorded" / "school.sqlite"
    record(path, 1, 60, "closed")
    if deleted:
        delete(path)
    saved = shutil.copytree(path.parent, tmp_path / "saved")
    record(path, 61, 300)
    shutil.copytree(saved, path.parent, dirs_exist_ok=True)
    before = content(path.parent)
    for use in (opened, delete, read, copy):
        with pytest.raises(ConfigError, match=r"as far as .*school.sqlite-mark tells; nothing was changed"):
            use(path)
        assert content(path.parent) == before
    journal(path).rename(tmp_path / "put-away")
    opened(path)
    assert rows(path) == list(range(1, 61))


def test_a_recording_and_its_wal_go_together_where_another_one_was_recorded(path: Path, tmp_path: Path) -> None:
    record(path, 1, 300)
    (there := tmp_path / "there").mkdir()
    record(there / path.name, 501, 1, "closed")
    for each in (path, journal(path)):
        shutil.copy(each, there)
    mark = there / "school.sqlite-mark"
    with pytest.raises(ConfigError, match=f"if the two came here together, .* remove {mark}"):
        opened(there / path.name)
    mark.unlink()
    opened(there / path.name)
    assert rows(there / path.name) == list(range(1, 301))


def test_a_recording_and_its_wal_go_together_anywhere(path: Path, tmp_path: Path) -> None:
    record(path, 1, 5)
    there = tmp_path / "there"
    there.mkdir()
    for each in (path, journal(path)):
        shutil.copy(each, there)
    record(there / path.name, 6, 5)
    assert rows(there / path.name) == list(range(1, 11))


def test_a_wal_that_was_left_where_its_file_was_renamed_is_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(path, 1, 50)
    renamed = path.rename(path.with_name("2025.sqlite"))
    opened(path)
    (left,) = path.parent.glob("school.sqlite-wal.left-*")
    assert f"it is kept as {left}. If the file was renamed or moved" in caplog.text
    left.rename(journal(renamed))
    assert rows(renamed) == list(range(1, 51))


def test_a_renamed_file_is_not_used_without_its_wal(path: Path) -> None:
    record(path, 1, 50)
    renamed = path.rename(path.with_name("2025.sqlite"))
    with pytest.raises(ConfigError, match="was moved to .*2025.sqlite without its -wal.*: move .*school.sqlite-wal to"):
        opened(renamed)
    journal(path).rename(journal(renamed))
    opened(renamed)
    assert rows(renamed) == list(range(1, 51))


@pytest.mark.parametrize("end", ["killed", "closed"])
def test_a_file_that_comes_alone_from_elsewhere_says_so(
    path: Path, tmp_path: Path, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    record(path, 1, 50, end)
    (there := tmp_path / "there").mkdir()
    shutil.copy(path, there)
    opened(there / path.name)
    assert ("the last windows are in there" in caplog.text) == (end == "killed")


def test_a_file_that_is_renamed_while_it_is_recorded_into_has_all_that_was_acknowledged(path: Path) -> None:
    database = Database(path, "classroom")
    database.start()
    database.client_ids("")
    renamed = path.rename(path.with_name("2025.sqlite"))
    database.stop()
    opened(path)
    assert rows(renamed, "SELECT COUNT(*) FROM about WHERE key = 'client_id'") == [1]


KILLED = """
import os, signal
from edge.recording import journal_mark
step, calls = journal_mark.{step}, 0
def killed(*arguments):
    global calls
    calls += 1
    if calls == {call} and {before}:
        os.kill(os.getpid(), signal.SIGKILL)
    result = step(*arguments)
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
journal_mark.{step} = killed
"""


WRITES_AT_ONCE = """
import os, signal, sys
from pathlib import Path
from edge.recording.database import Database
database = Database(Path(sys.argv[1]), "classroom")
database.start()
database._database.execute("INSERT OR REPLACE INTO about VALUES ('client_id', 'edge-record-0123456789abcdef')")
os.kill(os.getpid(), signal.SIGKILL)
"""
DELETES = """
import os, signal, sys
from datetime import datetime, timezone
from pathlib import Path
from edge.recording.deletion import Eraser
eraser = Eraser(Path(sys.argv[1]))
eraser.start()
eraser._give_back = lambda: os.kill(os.getpid(), signal.SIGKILL)
eraser.delete(None, None, None, "test", datetime.now(timezone.utc))
"""
FULL = """
from edge.errors import EdgeError
from edge.recording import journal_mark
def full(*arguments):
    raise EdgeError("no space left")
journal_mark._write = full
"""


def killed(script: str, path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("step", "call"), [("_write", 1), ("emptied", 1), ("_write", 2)])
def test_a_kill_while_the_mark_is_changed_is_no_reason_to_refuse_the_file(
    path: Path, step: str, call: int, *, before: bool
) -> None:
    record(path, 1, 3)
    record(path, 4, 3, "killed", KILLED.format(step=step, call=call, before=before))
    opened(path)
    assert rows(path)[:3] == [1, 2, 3]


def test_a_kill_soon_after_the_start_is_no_reason_to_refuse_the_file(path: Path) -> None:
    record(path, 1, 3, "closed")
    for _ in range(3):
        killed(WRITES_AT_ONCE, path)
        assert journal(path).stat().st_size > 0
    for use in (read, copy, delete):
        use(path)
    record(path, 4, 3)
    assert rows(path) == [1, 2, 3, 4, 5, 6]


def test_a_kill_while_something_is_deleted_is_no_reason_to_refuse_the_file(path: Path) -> None:
    record(path, 1, 3, "closed")
    killed(DELETES, path)
    assert journal(path).stat().st_size > 0
    opened(path)
    assert rows(path) == []


def test_a_recorder_may_be_restarted_while_something_is_deleted(path: Path) -> None:
    recorder, eraser = Database(path, "classroom"), Eraser(path)
    record(path, 1, 3, "closed")
    recorder.start()
    recorder.claim(None)
    recorder.end_long_readers()
    eraser.start()
    recorder.stop()
    with contextlib.closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM windows").fetchone()  # what is deleted stays in the -wal until this ends
        eraser._open.execute("PRAGMA busy_timeout=0")  # does not wait for it
        eraser.delete("room-1", None, None, "test", datetime.now(timezone.utc))
        assert journal(path).stat().st_size > 0
        read(path)
        recorder.start()
    recorder.stop()
    eraser.stop()
    opened(path)
    assert rows(path) == []


def test_a_recorder_may_end_while_another_one_goes_on(path: Path) -> None:
    former, new = Database(path, "classroom"), Database(path, "classroom")
    for each in (former, new):
        each.start()
        each.claim(None)
        each.end_long_readers()
    former.stop()
    new.client_ids("former")  # writes
    assert journal(path).stat().st_size > 0
    read(path)
    new.stop()
    read(path)


def test_a_full_disk_is_no_reason_to_refuse_the_file(path: Path) -> None:
    record(path, 1, 3, "closed")
    record(path, 4, 3, "killed", FULL)
    opened(path)
    assert rows(path) == [1, 2, 3, 4, 5, 6]


def test_a_reader_who_keeps_a_question_open_leaves_both_marks(path: Path) -> None:
    record(path, 1, 3)
    with contextlib.closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM windows").fetchone()
        record(path, 4, 3)
        assert len(path.with_name("school.sqlite-mark").read_text().split()) > 1
    opened(path)
    record(path, 7, 3)
    assert rows(path) == list(range(1, 10))
    assert len(path.with_name("school.sqlite-mark").read_text().split()) == 1


def test_the_mark_changes_every_hour(path: Path) -> None:
    clock = [0.0]
    mark = journal_mark.JournalMark(path, lambda: clock[0])
    opened(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        mark.start()
        seen = set[str]()
        for clock[0] in (0.0, 1.0, 3599.0, 3600.0, 3700.0, 7200.0):
            mark.look(file)
            seen.add(path.with_name("school.sqlite-mark").read_text())
    assert len(seen) == 3


def test_the_file_of_marks_is_its_owners_alone(path: Path) -> None:
    record(path, 1, 1)
    assert path.with_name("school.sqlite-mark").stat().st_mode & 0o777 == 0o600
