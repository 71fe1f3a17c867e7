"""What a run has shown, added up and compared. Pure, but for reading the outboxes and /proc."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.load.fleet.recorder import Receipt

NO_WINDOW = "no window"
"""In place of a `Latency`."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the end of a window to its receipt."""

    windows: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, receipts: Iterable[Receipt]) -> Latency | None:
        """None without any receipt."""
        times = [1000 * (each.received - each.ended) for each in receipts]
        if not times:
            return None
        return cls(len(times), *(percentile(times, share) for share in (50, 95, 99, 100)))

    def __str__(self) -> str:
        return f"p50 {self.p50:g}, p95 {self.p95:g}, p99 {self.p99:g}, max {self.max:g} ms of {self.windows}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so many percent stay below, to one tenth."""
    return round(float(np.percentile(values, share)), 1)


@dataclass(frozen=True)
class Process:
    """What a process has used so far."""

    cpu: float  # seconds
    rss_mb: float  # now

    @classmethod
    def look(cls, pid: int) -> Process:
        """At this moment."""
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        ticks = int(stat[11]) + int(stat[12])
        return cls(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


@dataclass(frozen=True)
class Stored:
    """What one outbox says."""

    epoch: str
    newest: int  # the highest number that it gave
    waiting: int

    @classmethod
    def read(cls, path: Path) -> Stored:
        """From a database that nobody uses any more."""
        with sqlite3.connect(path) as database:
            (epoch,) = database.execute("SELECT name FROM epoch").fetchone()
            row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'windows'").fetchone()
            (waiting,) = database.execute("SELECT COUNT(*) FROM windows").fetchone()
        return cls(epoch, row[0] if row else 0, waiting)


@dataclass(frozen=True)
class Comparison:
    """Windows that were stored, against those that came."""

    stored: int
    received: int
    duplicates: int
    late: int
    problems: list[str] = field(default_factory=list)


def compare(stored: Mapping[str, Stored], receipts: Iterable[Receipt]) -> Comparison:
    """Look for every (device, epoch, seq) that an outbox gave.

    Args:
        stored: By device.
        receipts: In any order, repeats allowed.
    """
    came: dict[tuple[str, str], set[int]] = {}
    count = late = 0
    for each in receipts:
        seqs = came.setdefault((each.device, each.epoch), set())
        late += each.replayed and each.seq not in seqs
        seqs.add(each.seq)
        count += 1
    given = {(device, outbox.epoch): set(range(1, outbox.newest + 1)) for device, outbox in stored.items()}
    problems = []
    for (device, epoch), seqs in given.items():
        missing = sorted(seqs - came.get((device, epoch), set()))
        if missing:
            problems.append(f"{device}: {len(missing)} windows never arrived: {missing[:10]}")
        if stored[device].waiting:
            problems.append(f"{device}: {stored[device].waiting} windows are still in the outbox")
    for (device, epoch), seqs in came.items():
        if unknown := seqs - given.get((device, epoch), set()):
            problems.append(f"{device}: {len(unknown)} windows of epoch {epoch} came that no outbox gave")
    received = sum(map(len, came.values()))
    total = sum(outbox.newest for outbox in stored.values())
    return Comparison(total, received, count - received, late, problems)
