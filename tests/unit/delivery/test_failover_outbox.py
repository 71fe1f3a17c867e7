"""What becomes of windows when a disk fails, and when another one is put in its place."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from edge.delivery.failover_outbox import FailoverOutbox
from edge.delivery.outbox import Outbox


class FailingDisk(Outbox):
    """An outbox on a disk that takes nothing more; it works once it is opened anew."""

    fails = False

    def start(self, progress: Callable[[], None] = lambda: None) -> None:
        super().start(progress)
        self.fails = False

    def put(self, body: str, schema: str) -> int:
        if self.fails:
            raise sqlite3.OperationalError("disk I/O error")
        return super().put(body, schema)


def test_it_moves_to_what_is_put_in_the_place_of_a_broken_disk(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    disk = FailingDisk(path)
    outbox = FailoverOutbox(disk, lambda _payload, _schema, _age: None, lambda _name, _alert: None)
    outbox.start()
    first = outbox.put("{}", "edge.window/2", backlog=True)
    disk.fails = True
    outbox.put("{}", "edge.window/2", backlog=True)
    outbox.maintain(1000.0, connected=False)
    outbox.put("{}", "edge.window/2", backlog=True)
    assert outbox.in_memory == 2, "the same disk is there"
    shutil.copy(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    outbox.maintain(1000.0, connected=False)
    last = outbox.put("{}", "edge.window/2", backlog=True)
    assert outbox.in_memory == 2
    assert last == (first.epoch, first.seq + 1, False)
    outbox.stop()
    with sqlite3.connect(path) as found:
        assert found.execute("SELECT count(*) FROM windows").fetchone() == (2,)
