"""A dump is restored at a district whose recorders go on running: by the words of docs/district.md, or others."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.brokers import Broker, wait_for
from tests.support.paths import ROOT
from tests.support.postgres import PostgresServer, binaries
from tests.support.recordings import Sender, StartEdge, address, lines_of, message

StartBroker = Callable[..., Broker]

BLOCK = re.compile(r"^## A restored database\n.*?^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
ROOMS = """
SELECT s.name || '/' || d.name, count(*), min(w.seq), max(w.seq)
FROM edge.windows w JOIN edge.devices d ON d.id = w.device JOIN edge.schools s ON s.id = d.school GROUP BY 1 ORDER BY 1
"""


class District:
    """Two schools with a broker and a recorder each, whose database an administrator looks after."""

    def __init__(self, server: PostgresServer, brokers: dict[str, int], edge: StartEdge, folder: Path) -> None:
        self.server = server
        self._brokers = brokers
        self._edge = edge
        self.folder = folder
        self._senders = {school: Sender(port) for school, port in brokers.items()}
        self._sent = dict.fromkeys(brokers, 0)
        self.recorders: dict[str, subprocess.Popen[str]] = {}

    def record(self, school: str) -> subprocess.Popen[str]:
        """A recorder is started."""
        url = self.server.url("edge", "edge_recorder")
        self.recorders[school] = self._edge(
            "record", "--database", url, "--school", school, "--broker", address(self._brokers[school])
        )
        return self.recorders[school]

    def send(self, school: str, room: str, count: int) -> None:
        """A room sends its next windows; the numbers go on from room to room of a school."""
        for _ in range(count):
            self._sent[school] += 1
            self._senders[school].send(message(self._sent[school], room), f"classroom/{room}/window")

    def rooms(self) -> list[str]:
        """What each room has: how many windows, and the first and the last number."""
        return self.server.sql(ROOMS, database="edge").split()

    def run(self, command: str) -> int:
        """A line of a shell, as the page has it."""
        words = [word.replace("localhost", str(self.server.folder)) for word in shlex.split(command)]
        if words[:3] == ["sudo", "-u", "postgres"]:
            words = [words[3], "-h", str(self.server.folder), "-U", "owner", *words[4:]]
            if words[0] == "psql":
                words[1:1] = ["-X", "-v", "ON_ERROR_STOP=1"]
                words += [] if "-d" in words else ["-d", "postgres"]
        words = [str(self.folder / word) if word == "edge.dump" else word for word in words]
        done = subprocess.run(
            [binaries() / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        self.error = done.stderr
        return done.returncode

    def dump(self) -> None:
        """As the page says."""
        assert self.run(f"sudo -u postgres pg_dump --format custom -f {self.folder / 'edge.dump'} edge") == 0, (
            self.error
        )

    def stop(self) -> None:
        """The rooms are switched off."""
        for each in self._senders.values():
            each.stop()


@pytest.fixture
def district(start_broker: StartBroker, edge: StartEdge, tmp_path: Path) -> Iterator[District]:
    """With ten windows of each of three rooms, and a dump of them."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    server = PostgresServer.made()
    made = None
    try:
        server.start()
        server.psql("-f", str(ROOT / "docs/district.sql"))
        made = District(server, {school: start_broker().port for school in ("north", "south")}, edge, tmp_path)
        for school in ("north", "south"):
            lines_of(made.record(school), "connected to broker")
        for school, room in (("north", "room-1"), ("north", "room-2"), ("south", "room-9")):
            made.send(school, room, 10)
            wait_for(lambda room=room: any(f"/{room}|10|" in each for each in made.rooms()), 60)  # type: ignore[misc]
        made.dump()
        yield made
    finally:
        if made is not None:
            made.stop()
            for each in made.recorders.values():
                each.kill()
                each.wait()
        server.remove()


BEFORE = ["north/room-1|10|1|10", "north/room-2|10|11|20", "south/room-9|10|1|10"]
AFTER = ["north/room-1|10|1|10", "north/room-2|15|11|25", "south/room-9|15|1|15"]


def _all_is_there(district: District) -> None:
    """What was restored, and what was sent meanwhile, is where it belongs."""
    wait_for(lambda: district.rooms() == AFTER, 90)
    for each in district.recorders.values():
        assert each.poll() is None


def _send_meanwhile(district: District) -> None:
    district.send("north", "room-2", 5)
    district.send("south", "room-9", 5)


def test_the_words_of_the_page_restore_a_district_whose_recorders_go_on(district: District) -> None:
    found = BLOCK.search((ROOT / "docs/district.md").read_text())
    assert found is not None
    lines = [line.removesuffix(" &&") for line in found[1].splitlines() if "\\password" not in line]
    commands = [lines[0].removesuffix(" && test -e docs/district.sql"), *lines[1:]]
    # Somebody has rights of their own, and is not known at a new server.
    district.server.sql("CREATE ROLE anna", "GRANT SELECT ON edge.days TO anna", database="edge")
    district.dump()
    started = False
    for command in commands:
        if "district.sql" in command:  # there is no database: one that is started just now waits, too
            district.recorders["north"].kill()
            district.recorders["north"].wait()
            lines_of(district.record("north"), "too many connections")
        if command.startswith("pg_restore -U"):
            # They are away, and one that is started just now makes no tables either.
            _send_meanwhile(district)
            district.recorders["north"].kill()
            district.recorders["north"].wait()
            lines_of(district.record("north"), "too many connections")
            lines_of(district.recorders["south"], "trying again every 2 s")
            started = True
        assert district.run(command) == 0, district.error
        if "DROP DATABASE" in command:
            district.server.sql("DROP ROLE anna")
    assert started
    _all_is_there(district)
    # For whom district.sql gives rights, they are there.
    read = "SET ROLE edge_grafana; SELECT sum(windows) FROM edge.days"
    lesson = "SELECT sum(windows) FROM edge.lesson('north', NULL, '2000-01-01Z', '2100-01-01Z')"
    assert district.server.sql(f"{read}; {lesson}", database="edge").split() == ["40", "25"]


def test_recorders_that_nobody_kept_out_wait_for_their_tables(district: District) -> None:
    """Between the two steps as long as their retries need, several times over."""
    assert district.run('sudo -u postgres psql -c "DROP DATABASE edge WITH (FORCE)"') == 0, district.error
    assert district.run("sudo -u postgres psql -f docs/district.sql") == 0, district.error
    _send_meanwhile(district)
    for each in district.recorders.values():
        assert "is being restored" in lines_of(each, "has lost its tables")
    assert district.server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'edge'", database="edge") == "0\n"
    restore = (
        "pg_restore -U edge_recorder -h localhost -d edge --no-owner --schema edge --schema edge_private edge.dump"
    )
    assert district.run(restore) == 0, district.error
    _all_is_there(district)


REPLACED_AT_ONCE = """
BEGIN;
DROP SCHEMA edge, edge_private CASCADE;
CREATE SCHEMA edge AUTHORIZATION edge_recorder;
CREATE SCHEMA edge_private AUTHORIZATION edge_recorder;
GRANT USAGE ON SCHEMA edge TO edge_read_all;
SET ROLE edge_recorder;
{}
COMMIT;
"""


@pytest.mark.parametrize("how", ["piece by piece", "at once"])
def test_tables_that_are_replaced_beside_recorders_end_none_and_mix_nothing(district: District, how: str) -> None:
    """Recorders know numbers of rooms, which are others in what is restored."""
    district.send("south", "room-3", 1)  # not in the dump
    wait_for(lambda: "south/room-3|1|11|11" in district.rooms(), 60)
    restore = "pg_restore --no-owner --schema edge --schema edge_private"
    if how == "at once":
        assert district.run(f"{restore} -f {district.folder / 'edge.sql'} edge.dump") == 0, district.error
        script = (district.folder / "edge.sql").read_text()
        district.server.psql(text=REPLACED_AT_ONCE.format(script), database="edge")
    else:
        district.run(f"{restore} --clean -U edge_recorder -h localhost -d edge edge.dump")
        # What PostgreSQL always says of partitions, which are dropped all the same.
        errors = [line for line in district.error.splitlines() if "ERROR" in line]
        assert [line for line in errors if "cannot drop inherited constraint" not in line] == []
    district.send("north", "room-7", 2)  # gets the number that room-3 had
    wait_for(lambda: "north/room-7|2|21|22" in district.rooms(), 90)
    district.send("south", "room-3", 2)
    wait_for(lambda: district.rooms() == [*BEFORE[:2], "north/room-7|2|21|22", "south/room-3|2|12|13", BEFORE[2]], 90)
    for each in district.recorders.values():
        assert each.poll() is None
