"""What came of a run: a table for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from tests.load.fleet.figures import NO_WINDOW, Comparison, Latency

TARGET_MS = 250.0


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    rooms: int
    window: float = 10.0  # seconds
    seconds: float = 120.0  # of listening in peace: before and after the restart together
    restart: bool = True
    outage: float = 2.0  # seconds without a broker
    tls: bool = True


@dataclass(frozen=True)
class Span:
    """A time of peace, all figures per second or at its end."""

    began: float  # Unix seconds
    ended: float
    taken: float | None  # MQTT packets into the broker, acknowledgements included
    given: float | None  # packets out of it
    broker_cpu: float  # cores
    broker_rss_mb: float
    rooms_cpu: float  # cores, all rooms together
    latency: Latency | None
    wakes_late_ms: float  # p99 of how much too late a process that only sleeps was woken: what the machine adds


@dataclass(frozen=True)
class Restart:
    """How the rooms came back; seconds from the moment that the new broker listened."""

    connected: float  # until the last one had a connection
    caught_up: float  # until no more windows waited than in peace
    killed_at: float  # Unix seconds
    over_at: float


@dataclass(frozen=True)
class Report:
    """All of it."""

    plan: Plan
    cores: int
    load_before: float  # processes that wanted to run before we began
    comparison: Comparison
    steady: Latency | None  # of windows that ended in peace
    spans: list[Span]
    restart: Restart | None = None
    disturbed: Latency | None = None  # of windows that ended between the kill and the return of the last room
    target_ms: float = field(default=TARGET_MS)

    @property
    def windows_per_second(self) -> float | None:
        """Windows received in peace."""
        seconds = sum(span.ended - span.began for span in self.spans)
        return self.steady.windows / seconds if self.steady else None

    @property
    def lost(self) -> bool:
        """Whether anything did not arrive, or arrived that was never stored."""
        return bool(self.comparison.problems)

    @property
    def slow(self) -> bool:
        """Whether the target was missed."""
        return self.steady is None or self.steady.p99 >= self.target_ms

    def to_json(self) -> str:
        """Everything, indented."""
        return json.dumps(asdict(self), indent=2)

    def print(self, console: Console) -> None:
        """For people."""
        plan, compared = self.plan, self.comparison
        table = Table(title=f"{plan.rooms} rooms, a window every {plan.window:g} s each", show_header=False)
        rows = [
            ("windows stored", f"{compared.stored}"),
            ("windows received", f"{compared.received} ({compared.late} late, {compared.duplicates} twice)"),
            ("windows per second", _number(self.windows_per_second)),
            ("latency in peace, all of it", str(self.steady or NO_WINDOW)),
        ]
        for name, span in zip(("before the restart", "after it"), self.spans, strict=False):
            rows += [
                ("", ""),
                (name if self.restart else "", str(span.latency or NO_WINDOW)),
                ("MQTT packets per second", f"{_number(span.taken)} into the broker, {_number(span.given)} out of it"),
                ("broker", f"{100 * span.broker_cpu:.1f} % of a core, {span.broker_rss_mb:.1f} MiB"),
                ("all rooms", f"{100 * span.rooms_cpu:.0f} % of a core"),
                ("a process that sleeps", f"was woken up to {span.wakes_late_ms:g} ms late (p99)"),
            ]
        if self.restart:
            back, done = self.restart.connected, self.restart.caught_up
            rows += [
                ("", ""),
                ("the restart", f"all rooms connected in {back:.1f} s, what waited sent in {done:.1f} s"),
                ("latency meanwhile", str(self.disturbed or NO_WINDOW)),
            ]
        for row in rows:
            table.add_row(*row)
        console.print(table)
        for problem in compared.problems[:20]:
            console.print(f"LOST: {problem}", highlight=False)
        if len(compared.problems) > 20:
            console.print(f"... and {len(compared.problems) - 20} more", highlight=False)
        if self.slow:
            console.print(f"SLOW: the target is a p99 below {self.target_ms:g} ms", highlight=False)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
