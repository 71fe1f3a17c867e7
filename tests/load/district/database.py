"""The database of a run: a real PostgreSQL that keeps when each row could be read, and what is in it at the end."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from edge.errors import EdgeError
from tests.load.fleet.figures import Latency, Process
from tests.support.postgres import LASTING, PostgresServer

NAME = "edge"
# A row can be read once its transaction has committed; the server keeps when that was.
LATENCY = """
SELECT count(*), percentile_cont(ARRAY[0.5, 0.95, 0.99, 1.0]) WITHIN GROUP
    (ORDER BY 1000 * extract(epoch FROM pg_xact_commit_timestamp(xmin) - "end"))
FROM edge.windows WHERE "end" >= '{began}' AND "end" < '{ended}'
"""
STORED = "SELECT coalesce(sum(windows), 0) FROM edge.devices"
# One row for each room: what is there, and what was added up of it.
ROOMS = """
SELECT s.name, d.name, d.windows, count(*), count(DISTINCT (w.epoch, w.seq)), array_agg(DISTINCT w.seq),
    (SELECT sum((r.sums ->> 'windows')::bigint) FROM edge.rollups r WHERE r.device = d.id)
FROM edge.windows w JOIN edge.devices d ON d.id = w.device JOIN edge.schools s ON s.id = d.school GROUP BY 1, 2, 3, d.id
"""
SIZES = """
SELECT sum(pg_table_size(c.oid)) FILTER (WHERE relname LIKE 'windows%'),
    sum(pg_indexes_size(c.oid)) FILTER (WHERE relname LIKE 'windows%'),
    sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname = 'rollups')
FROM pg_class c WHERE relnamespace = 'edge'::regnamespace AND relkind = 'r'
"""


class Database:
    """The server, which can be killed, and a disk that can be full."""

    def __init__(self) -> None:
        self.server = PostgresServer.made(LASTING)
        self._disk: Path | None = None

    def start(self, small_disk_mb: int = 0) -> None:
        """Start it, and make the database, on a disk of its own of so many MB where that is asked for.

        Raises:
            EdgeError: Who is not root cannot have a small disk.
        """
        self.server.start()
        where = ""
        if small_disk_mb:
            disk = self._disk = self.server.folder / "disk"
            disk.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={small_disk_mb}m,mode=0777", "none", str(disk)]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                self._disk = None
                raise EdgeError("a disk that can be full needs root", "leave the fault `disk` out")
            (disk / "data").mkdir()
            owner = self.server.folder.stat()
            os.chown(disk / "data", owner.st_uid, owner.st_gid)
            self.server.sql(f"CREATE TABLESPACE small LOCATION '{disk / 'data'}'")
            where = " TABLESPACE small"
        self.server.sql(f"CREATE DATABASE {NAME}{where}")

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.server.stop()
        if self._disk is not None:
            subprocess.run(["umount", str(self._disk)], check=False)
        self.server.remove()

    def fill_disk(self) -> None:
        """Leave no room on the small disk."""
        assert self._disk is not None
        block = bytes(64 * 1024)
        with (self._disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(block):
                pass

    def empty_disk(self) -> None:
        """Give the room back."""
        assert self._disk is not None
        (self._disk / "filler").unlink()

    def sql(self, query: str) -> list[list[str]]:
        """The rows of a query, as texts."""
        return [line.split("|") for line in self.server.sql(query, database=NAME).splitlines()]

    def stored(self) -> int:
        """How many windows the recorders have counted."""
        return int(self.sql(STORED)[0][0])

    def cpu(self) -> float:
        """Seconds that all processes of the server have used, those that have ended among them."""
        total = 0.0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if not (process / "cwd").resolve().is_relative_to(self.server.folder):
                    continue
                total += Process.look(int(process.name)).cpu + ended_children(process)
            except OSError:
                continue
        return total

    def latency(self, began: float, ended: float) -> Latency | None:
        """Milliseconds from the end of a window to its commit, of windows that ended between two Unix times."""
        first, last = (datetime.fromtimestamp(moment, timezone.utc).isoformat() for moment in (began, ended))
        count, times = self.sql(LATENCY.format(began=first, ended=last))[0]
        if not int(count):
            return None
        return Latency(int(count), *(round(float(each), 1) for each in times.strip("{}").split(",")))

    def problems(self, given: Mapping[str, Mapping[str, int]]) -> list[str]:
        """What is not there exactly once, or not added up.

        Args:
            given: By school and room, the highest number of a window.
        """
        found = []
        seen = set()
        for school, room, told, rows, distinct, numbers, rolled in self.sql(ROOMS):
            seen.add((school, room))
            newest = given[school][room]
            missing = sorted(set(range(1, newest + 1)) - set(map(int, numbers.strip("{}").split(","))))
            if missing or not int(told) == int(rows) == int(distinct) == newest:
                text = f"{newest} windows were sent, {distinct} are there in {rows} rows, {told} by the count"
                found.append(f"{school}/{room}: {text}, missing: {missing[:10]}")
            if int(rolled) != int(distinct):
                found.append(f"{school}/{room}: {distinct} windows are there, {rolled} are added up")
        for school, rooms in given.items():
            found += [
                f"{school}/{room}: none is there" for room, n in rooms.items() if n and (school, room) not in seen
            ]
        return found

    def bytes_per_window(self) -> tuple[float, float, float]:
        """Of the table, its indexes, and the roll-ups with theirs."""
        table, indexes, rollups = map(int, self.sql(SIZES)[0])
        count = max(1, self.stored())
        return table / count, indexes / count, rollups / count


def ended_children(process: Path) -> float:
    """Seconds that the children of a process used that have ended."""
    stat = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(stat[13]) + int(stat[14])) / os.sysconf("SC_CLK_TCK")
