"""A recorder is killed, and its file moved or replaced without the `-wal`, by a person who does not know of it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.support.brokers import wait_for
from tests.support.recordings import Sender, StartEdge, address, lines_of, message, recording, rows


def wait_for_mark(path: Path) -> None:
    """Until the recorder has begun: it empties the `-wal` for that, and what is sent after it stays there."""
    mark = path.with_name(f"{path.name}-mark")
    wait_for(lambda: mark.exists() and len(mark.read_text().splitlines()) == 1, 60, "its mark")


def test_a_backup_is_put_back_after_a_kill(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path, backup, device = tmp_path / "school.sqlite", tmp_path / "backup.sqlite", sender(broker)
    process = recording(edge, path, broker)
    wait_for_mark(path)
    for seq in range(1, 21):
        device.send(message(seq))
    wait_for(lambda: len(rows(path)) == 20, 30)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("VACUUM INTO ?", (str(backup),))
    for seq in range(21, 41):
        device.send(message(seq))
    wait_for(lambda: len(rows(path)) == 40, 30)
    process.kill()
    process.wait()
    device.send(message(41))  # it waits at the broker
    shutil.copy(backup, path)
    refused = edge("record", "--database", str(path), "--broker", address(broker))
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 78
    assert f"{path}-wal belongs to the file that was here before, not to this {path}; nothing was changed" in errors
    assert path.read_bytes() == backup.read_bytes()
    path.with_name("school.sqlite-wal").rename(tmp_path / "put-away")
    process = edge("record", "--database", str(path), "--broker", address(broker))
    lines_of(process, "connected to broker")
    # And whatever was stored, but not yet acknowledged before the kill: the broker sends that again.
    wait_for(lambda: set(rows(path)) >= {*range(1, 21), 41}, 30)
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_file_is_renamed_after_a_kill_and_while_it_is_recorded_into(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path, device = tmp_path / "school.sqlite", sender(broker)
    process = recording(edge, path, broker)
    wait_for_mark(path)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 30)
    process.kill()
    process.wait()
    first = path.rename(tmp_path / "first.sqlite")
    process = edge("record", "--database", str(path), "--broker", address(broker))
    lines_of(process, "has windows of a file that is no longer there; it is kept as")
    (left,) = tmp_path.glob("school.sqlite-wal.left-*")
    left.rename(tmp_path / "first.sqlite-wal")
    assert rows(first) == [1]
    lines_of(process, "connected to broker")
    wait_for_mark(path)
    device.send(message(2))
    wait_for(lambda: 2 in rows(path), 30)  # and 1, if the kill came before that was acknowledged
    second = path.rename(tmp_path / "second.sqlite")
    device.send(message(3))
    wait_for(lambda: 3 in rows(path), 30)
    assert set(rows(second)) >= {2}
