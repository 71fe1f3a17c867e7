"""What a district has to survive, each fault in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.load.district.database import Database
from tests.load.district.recorders import RecorderProcess
from tests.load.fleet.school import SchoolBroker

NAMES = ("recorder", "recorders", "broker", "database", "disk", "away")


class Fault(NamedTuple):
    """Something that happens, and its end.

    Attributes:
        name: In words.
        seconds: How long it lasts.
    """

    name: str
    seconds: float
    begin: Callable[[], None]
    end: Callable[[], None]


def make(
    name: str, seconds: float, away: float, database: Database, broker: SchoolBroker,
    recorders: Sequence[RecorderProcess],
) -> list[Fault]:  # fmt: skip
    """The faults of a name.

    Args:
        name: One of `NAMES`; `recorder` is each of them in turn.
        seconds: How long each lasts.
        away: How long `away` lasts.
        database, broker, recorders: What it happens to.
    """
    server = database.server

    def all_of(do: Callable[[RecorderProcess], None]) -> None:
        for each in recorders:
            do(each)

    return {
        "recorder": [
            Fault(f"kill -9 of recorder {number}", seconds, each.kill, each.start)
            for number, each in enumerate(recorders, 1)
        ],
        "recorders": [
            Fault(
                "kill -9 of all recorders", seconds, lambda: all_of(RecorderProcess.kill),
                lambda: all_of(RecorderProcess.start),
            )
        ],
        "broker": [Fault("kill -9 of the broker", seconds, broker.kill, broker.start)],
        "database": [Fault("kill -9 of the database", seconds, server.kill, server.start)],
        "disk": [Fault("a full disk of the database", seconds, database.fill_disk, database.empty_disk)],
        "away": [Fault(f"the database away for {away:g} s", away, server.stop, server.start)],
    }[name]  # fmt: skip
