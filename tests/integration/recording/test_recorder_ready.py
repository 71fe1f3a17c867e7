"""`edge record` as a service: ready when its recording is open, and alive while an older one is converted."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

from edge.recording.database import Database
from edge.recording.layout import LAYOUT
from tests.support.brokers import wait_for
from tests.support.paths import ROOT
from tests.support.recordings import StartEdge, address
from tests.support.supervisor import Supervisor

MORE = """
INSERT INTO windows SELECT {columns} FROM
    (SELECT * FROM windows WHERE counts IS NOT NULL LIMIT 1),
    (WITH RECURSIVE given(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM given WHERE n < 9000) SELECT n FROM given)
"""


def test_it_is_ready_when_its_recording_is_open(
    broker: int, edge: StartEdge, supervisor: Supervisor, tmp_path: Path
) -> None:
    path, heard = tmp_path / "school.sqlite", list[str]()

    def hears(word: str) -> bool:
        heard.extend(supervisor.heard())
        return any(word in each for each in heard)

    database = Database(path, "classroom")
    database.start()
    database.stop()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        edge("record", "--database", str(path), "--broker", address(broker))
        wait_for(lambda: hears("STATUS=the database cannot be opened"), 20)
        assert "READY=1" not in heard
        other.execute("ROLLBACK")
    wait_for(lambda: hears("READY=1"), 20)


def test_the_conversion_of_an_older_recording_is_progress(
    broker: int, edge: StartEdge, supervisor: Supervisor, tmp_path: Path
) -> None:
    path, heard = Path(shutil.copy(ROOT / "tests/fixtures/0.1.0/recording.sqlite", tmp_path)), list[str]()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        names = [row[1] for row in file.execute("PRAGMA table_info(windows)")]
        file.execute(MORE.format(columns=", ".join("n" if name == "seq" else f'"{name}"' for name in names)))
    edge("record", "--database", str(path), "--broker", address(broker))

    def is_ready() -> bool:
        heard.extend(supervisor.heard())
        return "READY=1" in heard

    wait_for(is_ready, 20)
    before = heard[: heard.index("READY=1")]
    assert "STATUS=converting the recording of an older version" in before
    assert before.count("EXTEND_TIMEOUT_USEC=600000000") > 3
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
