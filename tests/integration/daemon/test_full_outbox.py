"""A daemon that opens a full outbox, which takes a minute on a slow card, is not ended by its supervisor meanwhile."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from edge.delivery.outbox import Outbox
from tests.support.brokers import wait_for
from tests.support.daemon import Edge, run_sample
from tests.support.supervisor import Supervisor

WINDOWS = 30_000
COLUMNS = "created, body, boot, uptime, synced, schema, checksum"
MORE = f"""
INSERT INTO windows ({COLUMNS}) WITH RECURSIVE given(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM given WHERE n < ?)
SELECT {COLUMNS} FROM windows, given
"""  # noqa: S608


def test_opening_a_full_outbox_is_progress(edge: Edge, supervisor: Supervisor, tmp_path: Path) -> None:
    outbox, heard = Outbox(tmp_path / "o"), list[str]()
    outbox.start()
    outbox.put("{}", "edge.window/2")
    outbox.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "o")) as file, file:
        file.execute(MORE, (WINDOWS,))
    run_sample(edge, 1, f"outbox.path={tmp_path / 'o'}")

    def is_ready() -> bool:
        heard.extend(supervisor.heard())
        return "READY=1" in heard

    wait_for(is_ready, 60)
    before = heard[: heard.index("READY=1")]
    assert sum(each.startswith("EXTEND_TIMEOUT_USEC=") for each in before) >= 3
