"""`edge report` of a file that somebody made who wishes us ill: a sentence, and neither a traceback nor the memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.recording.database import Database
from edge.recording.recordable import examine
from edge.recording.session import Delivery
from tests.support.hostile import delivery
from tests.support.paths import ROOT
from tests.support.recordings import NOW

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
MEMORY = 1_500_000_000  # bytes of addresses: the libraries take 0.7 GB of them

ATTACKS = {
    "an endless view": f"DROP TABLE availability; CREATE VIEW availability AS {ENDLESS} "  # noqa: S608
    "SELECT 'bad' AS device, '2026' AS received, x AS online FROM n",
    "a computed column": "DROP TABLE states; CREATE TABLE states (device, since, mode, "
    "reason AS (hex(zeroblob(400000000))), received)",
    "deep JSON": "UPDATE windows SET counts = replace(hex(zeroblob(20000)), '00', '[')",
    "long JSON": "UPDATE windows SET counts = hex(zeroblob(60000))",
    "a blob": "UPDATE windows SET counts = zeroblob(400000000) WHERE seq = (SELECT MIN(seq) FROM windows)",
    "a name": "UPDATE windows SET device = CAST(zeroblob(200000) AS TEXT)",
    "year 1": "UPDATE windows SET start = '0001-01-01T00:00:00.000Z'",
    "year 9999": """UPDATE windows SET "end" = '9999-12-31T23:59:59.999Z'""",
    "half a character": """UPDATE windows SET counts = '{"\\ud800": 7}'""",
    "a label for the terminal": """UPDATE windows SET counts = '{"\\u001b[2J": 7}'""",
    "no table": "DROP TABLE windows",
    "roll-ups of deep JSON": "DELETE FROM windows; UPDATE rollups SET sums = replace(hex(zeroblob(20000)), '00', '[')",
    "roll-ups of no sums": "DELETE FROM windows; UPDATE rollups SET sums = json_set(sums, '$.counts', 7)",
    "roll-ups of no end": "DELETE FROM windows; UPDATE rollups SET runs = json_set(runs, '$[0][1]', 1 << 60)",
    "roll-ups of no time": "DELETE FROM windows; UPDATE rollups SET runs = '[]'",
    "roll-ups of a blob": "DELETE FROM windows; UPDATE rollups SET runs = zeroblob(400000000)",
    "roll-ups of a view": "DROP TABLE series; CREATE VIEW series AS SELECT 1 AS id",
}
FOR_THE_RECORDER = {
    "an endless view": ATTACKS["an endless view"],
    "about is an endless view": f"DROP TABLE about; CREATE VIEW about AS {ENDLESS} "  # noqa: S608
    "SELECT 'prefix' AS key, 'no' AS value FROM n WHERE x < 0",
    "a computed column": ATTACKS["a computed column"],
    "a trigger that drops": "CREATE TRIGGER x BEFORE INSERT ON windows BEGIN SELECT RAISE(IGNORE); END",
    "an endless view in other letters": f"DROP TABLE about; CREATE VIEW About AS {ENDLESS} "  # noqa: S608
    "SELECT 'prefix' AS key, 'no' AS value FROM n WHERE x < 0",
    "an index that keeps rows out": "DELETE FROM windows WHERE rowid > 1; CREATE UNIQUE INDEX u ON windows (device)",
    "a table that keeps rows out": "DELETE FROM windows WHERE rowid > 1; "
    "CREATE TABLE copy AS SELECT * FROM windows; DROP TABLE windows; "
    "CREATE TABLE windows (device TEXT, epoch TEXT, seq INTEGER, start TEXT, mode TEXT, UNIQUE (mode))",
    "a primary key that keeps rows out": "DROP TABLE places; CREATE TABLE places (device TEXT NOT NULL PRIMARY KEY, "
    "after TEXT NOT NULL, heard TEXT NOT NULL, place TEXT NOT NULL, masked REAL NOT NULL)",
    "an index that computes": "CREATE INDEX x ON windows (length(hex(zeroblob(20000000))), seq)",
    "a client id of bytes": "INSERT OR REPLACE INTO about VALUES ('client_id', X'FFFE')",
    "a client id of control characters": "INSERT OR REPLACE INTO about VALUES ('client_id', char(27) || '[2J')",
    "a former client id that is too long": "INSERT OR REPLACE INTO about VALUES ('client_id', 'x'), "
    "('former_client_id', hex(zeroblob(500)))",
    "a retention that begins soon": "INSERT INTO about VALUES ('retention_from', 'soon')",
    "roll-ups from nowhere": "INSERT INTO about VALUES ('rollups_from', 'x')",
    "a location of bytes": "INSERT OR REPLACE INTO about VALUES ('location', X'FFFE')",
    "a location of deep JSON": "INSERT INTO about VALUES ('location', replace(hex(zeroblob(20000)), '00', '['))",
}
HARMLESS = {
    "states of year 1": "INSERT INTO states VALUES ('bad', '0001-01-01T00:00:00.000Z', 'paused', 'x', '')",
    "availability of year 1": "INSERT INTO availability VALUES ('bad', '0001-01-01T00:00:00.000Z', 0)",
    "a long reason": "INSERT INTO states VALUES ('bad', '2026-11-20T08:00:00.000Z', 'paused', "
    "hex(zeroblob(50000)), '')",
}


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "r.sqlite"
    database = Database(path, "classroom")
    database.start()
    found = [examine("classroom", delivery("window", n)) for n in range(5)]
    database.store([each for each in found if each is not None], NOW)
    database.stop()
    return path


def change(path: Path, script: str) -> None:
    # In a process of its own: the memory that it takes is not to count as that of programs started later.
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, path, script], check=True)


FORKS = """
import json, os, resource, signal, sys
import edge.cli.delete, edge.cli.record, edge.cli.report, edge.reporting.html, edge.reporting.report_data
from edge.__main__ import main
for line in sys.stdin:
    command, memory, streams = json.loads(line)
    child = os.fork()
    if not child:
        for number, path in enumerate(streams):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        signal.alarm(60)  # which ends it
        sys.argv = ["edge", *command]
        sys.exit(main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs commands, each in a process of its own, forked from one in which what takes them longest is imported."""
    folder = tmp_path_factory.mktemp("streams")
    out, err = folder / "out", folder / "err"

    with subprocess.Popen(
        [sys.executable, "-c", FORKS], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as forks:
        assert forks.stdin is not None
        assert forks.stdout is not None
        requests, statuses = forks.stdin, forks.stdout

        def start(*command: str, memory: int = resource.RLIM_INFINITY) -> Done:
            print(json.dumps([command, memory, [os.devnull, str(out), str(err)]]), file=requests, flush=True)
            return Done(int(statuses.readline()), out.read_text(), err.read_text())

        yield start


def report(run: Run, path: Path, output: str) -> Done:
    where = ("--database", str(path), "--output", str(path.with_name(output)))
    return run("report", *where, "--zone", "America/New_York", memory=MEMORY)


@pytest.mark.parametrize("output", ["r.csv", "r.html"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_sentence_for_every_attack(run: Run, recording: Path, attack: str, output: str) -> None:
    change(recording, attack)
    done = report(run, recording, output)
    assert "Traceback" not in done.err
    if done.status == 0:  # the damaged rows belong to no day that was asked for; their roll-ups are read instead
        assert done.out.endswith((", 0 windows\n", ", 5 windows\n"))
        return
    assert done.status in (1, 78)
    assert done.err.startswith("edge: ")
    assert len(done.err) < 1000


@pytest.mark.parametrize("attack", HARMLESS.values(), ids=HARMLESS)
def test_what_can_be_read_is_drawn(run: Run, recording: Path, attack: str) -> None:
    change(recording, attack)
    done = report(run, recording, "r.html")
    assert (done.status, done.err) == (0, "")


def test_a_report_costs_the_same_however_many_states_there_are(run: Run, recording: Path) -> None:
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) "
    moment = "strftime('%Y-%m-%dT%H:%M:%S.000Z', 1600000000 + x, 'unixepoch')"
    device = "(SELECT device FROM windows LIMIT 1)"
    query = "INSERT INTO states SELECT device, " + moment + ", 'paused', 'x', '' FROM n, " + device  # noqa: S608
    change(recording, numbers + query)
    began = time.monotonic()
    done = report(run, recording, "r.html")
    assert (done.status, done.err) == (0, "")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("output", ["r.csv", "r.html"])
@pytest.mark.parametrize(
    "figure", ["faces_mean = 'nan'", "coverage = 'inf'", "frames = 4611686018427387904", "epoch = x'ff'"]
)
def test_figures_that_are_none_are_damage(run: Run, recording: Path, figure: str, output: str) -> None:
    change(recording, f"UPDATE windows SET {figure}")  # noqa: S608 - no value from outside
    done = report(run, recording, output)
    if done.status == 0:  # nothing of the day that was asked for
        pytest.fail(done.out)
    assert "is damaged" in done.err


def test_a_csv_has_no_byte_that_its_readers_refuse(run: Run, recording: Path) -> None:
    change(recording, "UPDATE windows SET model_faces = 'f' || char(0) || char(27) || '@1'")
    assert report(run, recording, "r.csv").status == 0
    text = recording.with_name("r.csv").read_text()
    assert "f??@1" in text
    assert not {"\0", "\x1b"} & set(text)


def test_a_state_keeps_a_short_reason_and_a_year_of_this_world() -> None:
    found = examine("classroom", delivery("state", 1))
    assert found is not None
    assert len(getattr(found.content, "reason", "")) == 200
    payload = b'{"mode": "paused", "reason": "x", "since": "9999-01-01T00:00:00.000Z"}'
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        examine("classroom", Delivery("classroom/bad/state", payload, 1, 1, 1))


@pytest.mark.parametrize("kind", ["fifo", "endless"])
def test_a_recording_that_is_no_file_is_explained(run: Run, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r.sqlite"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    done = report(run, path, "r.csv")
    assert done.status == 78
    assert f"{path} is not a file" in done.err


@pytest.mark.parametrize("option", [[], ["--forget"]], ids=["record", "forget"])
@pytest.mark.parametrize("attack", FOR_THE_RECORDER.values(), ids=FOR_THE_RECORDER)
def test_the_recorder_refuses_what_the_report_refuses(
    run: Run, recording: Path, attack: str, option: list[str]
) -> None:
    change(recording, attack)
    done = run("record", "--database", str(recording), "--broker", "mqtt://127.0.0.1:9", *option)
    assert (done.status, "is not as edge record makes it" in done.err) == (78, True), done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize("attack", list(FOR_THE_RECORDER.values())[:5], ids=list(FOR_THE_RECORDER)[:5])
def test_nothing_is_deleted_from_what_the_recorder_refuses(run: Run, recording: Path, attack: str) -> None:
    change(recording, attack)
    done = run("delete", "--database", str(recording), "--all-rooms", "--yes")
    assert (done.status, "is not as edge record makes it" in done.err) == (78, True), done.err
