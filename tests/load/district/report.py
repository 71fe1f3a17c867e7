"""What came of a run: a table for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from tests.load.fleet.figures import NO_WINDOW, Latency

TARGET_MS = 2000.0
MOST_CPU = 0.25  # of a core, for as many windows a second as 4,000 rooms send
RATE = 400.0
FEWEST = 200.0  # windows a second, below which what a recorder needs when idle says nothing of that


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    rooms: int
    minutes: float  # of peace
    recorders: int
    share: bool = False  # whether they share one school
    window: float = 10.0  # seconds
    faults: tuple[str, ...] = ()
    outage: float = 5.0  # seconds that each fault lasts
    away: float = 60.0  # seconds without the database
    tls: bool = True
    settle: float = 15.0  # seconds until all is known that windows refer to


@dataclass(frozen=True)
class Peace:
    """What a time without faults has shown; processor time in cores."""

    seconds: float
    latency: Latency | None
    recorders: list[float]
    recorder_mb: float  # of the largest
    database: float
    broker: float
    late: float  # seconds that the rooms were late themselves: then they were too slow, and nothing here holds

    @property
    def rate(self) -> float:
        """Windows a second."""
        return self.latency.windows / self.seconds if self.latency else 0.0

    @property
    def recorder_share(self) -> float:
        """Cores of all recorders together for every 400 windows a second."""
        return sum(self.recorders) * RATE / self.rate if self.rate else 0.0


@dataclass(frozen=True)
class Blow:
    """A fault and what it did."""

    name: str
    waiting: int  # windows that were not in the database when it was over
    seconds: float  # until no more waited than always do
    lost: int  # that did not come any more


@dataclass(frozen=True)
class Report:
    """All of it."""

    plan: Plan
    load_before: float  # processes that wanted to run before we began
    peace: Peace
    blows: list[Blow]
    windows: int
    bytes_per_window: tuple[float, float, float]
    problems: list[str] = field(default_factory=list)

    @property
    def slow(self) -> bool:
        """Whether a target was missed."""
        latency = self.peace.latency
        hungry = self.peace.rate >= FEWEST and self.peace.recorder_share > MOST_CPU
        return latency is None or latency.p99 >= TARGET_MS or hungry

    def to_json(self) -> str:
        """Everything, indented."""
        return json.dumps(asdict(self), indent=2)

    def print(self, console: Console) -> None:
        """For people."""
        peace, table = self.peace, Table(title=self._title(), show_header=False)
        cores = ", ".join(f"{100 * each:.1f} %" for each in peace.recorders)
        row = "{:.0f} bytes of the table, {:.0f} of its indexes, {:.0f} of roll-ups".format(*self.bytes_per_window)
        for name, value in (
            ("windows a second", f"{peace.rate:.0f} for {peace.seconds:.0f} s"),
            ("from the end of a window to its row", str(peace.latency or NO_WINDOW)),
            ("recorders", f"{cores} of a core, {peace.recorder_mb:.0f} MB the largest"),
            (f"recorders, for {RATE:g} windows a second", f"{100 * peace.recorder_share:.1f} % of a core together"),
            ("database", f"{100 * peace.database:.1f} % of a core"),
            ("broker", f"{100 * peace.broker:.1f} % of a core"),
            ("rows a second and core of recorder and database", f"{self._per_core():.0f}"),
            ("the rooms themselves were late by", f"{1000 * peace.late:.0f} ms at most"),
            ("a window takes", row),
            *((each.name, _blow(each)) for each in self.blows),
            ("windows sent, and there once", f"{self.windows}" if not self.problems else "NOT ALL"),
            ("load of the machine before", f"{self.load_before:.1f}"),
        ):
            table.add_row(name, value)
        console.print(table)
        for problem in self.problems[:20]:
            console.print(f"WRONG: {problem}", highlight=False)
        if len(self.problems) > 20:
            console.print(f"... and {len(self.problems) - 20} more", highlight=False)
        if self.slow:
            console.print(
                f"SLOW: the targets are a p99 below {TARGET_MS:g} ms, and {100 * MOST_CPU:g} % of a core for the "
                f"recorders", highlight=False,
            )  # fmt: skip

    def _title(self) -> str:
        plan = self.plan
        return f"{plan.rooms} rooms, a window every {plan.window:g} s each, {plan.recorders} recorders"

    def _per_core(self) -> float:
        used = sum(self.peace.recorders) + self.peace.database
        return self.peace.rate / used if used else 0.0


def _blow(blow: Blow) -> str:
    lost = f"; {blow.lost} LOST" if blow.lost else ""
    return f"{blow.waiting} windows waited, all there after {blow.seconds:.1f} s{lost}"
