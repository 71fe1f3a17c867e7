"""Recorder and database are killed, or cannot keep a message: every window of the others once, and added up once."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

import psycopg

from edge.contract.examples import INFO
from edge.recording.postgres.address import PostgresAddress
from edge.reporting.totals import add_up
from tests.support.brokers import Broker, wait_for
from tests.support.recordings import NOW, Sender, StartEdge, address, lines_of, message
from tests.support.stores import Place
from tests.unit.recording.test_rollups import DAY

StartBroker = Callable[..., Broker]


def recording(edge: StartEdge, place: Place, port: int) -> subprocess.Popen[str]:
    process = edge("record", "--database", place_url(place), "--school", "north", "--broker", address(port))
    lines_of(process, "connected to broker")
    return process


def place_url(place: Place) -> str:
    assert isinstance(place.target, PostgresAddress)
    return place.target.url


def stored(place: Place) -> list[int]:
    """The numbers that are there, with every repetition."""
    return list(map(int, place.sql("SELECT seq FROM edge.windows ORDER BY seq")))


def test_kills_of_recorder_and_database_in_the_middle_of_a_stream(
    own: Place, start_broker: StartBroker, edge: StartEdge, sender: Callable[[int], Sender]
) -> None:
    assert own.server
    port = start_broker("max_queued_messages 10000").port
    process = recording(edge, own, port)
    device, seq = sender(port), 0

    def send(count: int) -> None:
        nonlocal seq
        for _ in range(count):
            seq += 1
            device.send(message(seq))

    for victim in ("recorder", "both", "database"):
        send(80)
        if victim != "database":
            process.kill()  # some are stored and not acknowledged, some have not come at all
            process.wait()
        if victim != "recorder":
            own.server.kill()
        send(80)
        if victim != "recorder":
            own.server.start()
        if victim != "database":
            process = recording(edge, own, port)
    wait_for(lambda: len(stored(own)) >= seq, 40)
    process.terminate()
    assert process.wait(20) == 0
    assert stored(own) == list(range(1, seq + 1))
    with own.read() as recorded:
        span = ("room-1", NOW, NOW + DAY)
        assert add_up(list(recorded.buckets(*span))) == add_up(list(recorded.windows(*span)))
    log = process.stderr.read() if process.stderr else ""
    assert "Messages stay at the broker; trying again every 2 s" in log
    assert "may be missing" not in log
    assert "Traceback" not in log


def test_windows_do_not_wait_for_what_else_came_with_them(
    own: Place, start_broker: StartBroker, edge: StartEdge, sender: Callable[[int], Sender]
) -> None:
    assert own.server
    with own.opened():  # the tables are there
        pass
    port = start_broker().port
    device, process = sender(port), recording(edge, own, port)
    process.send_signal(signal.SIGSTOP)  # so that all comes in one batch
    device.send(json.loads(INFO.to_json()), "classroom/room-9/info")
    for seq in range(1, 41):
        device.send(message(seq))
    with psycopg.connect(own.server.url(own.database)) as other:
        other.execute("LOCK TABLE edge.places IN ACCESS EXCLUSIVE MODE")
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: len(stored(own)) == 40, 20)
        process.kill()  # all of it is sent again: what is stored is not acknowledged before the rest is, too
        process.wait()
    process = recording(edge, own, port)
    places = "SELECT count(*) FROM edge.places"
    wait_for(lambda: own.sql(places) == ["1"], 20)
    process.terminate()
    assert process.wait(20) == 0
    assert len(stored(own)) == 40
    with own.read() as recorded:
        assert add_up(recorded.buckets("room-1", NOW, NOW + DAY)).windows == 40


def test_a_message_that_the_database_cannot_keep_ends_nothing(
    own: Place, start_broker: StartBroker, edge: StartEdge, sender: Callable[[int], Sender]
) -> None:
    assert own.server
    with own.opened():  # the tables are there
        pass
    own.server.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.reason = '\u2603' THEN RAISE "
        "untranslatable_character; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON edge.states FOR EACH ROW EXECUTE FUNCTION refuse()",
        database=own.database,
    )
    port = start_broker().port
    device = sender(port)
    process = recording(edge, own, port)
    process.send_signal(signal.SIGSTOP)  # so that all comes in one batch
    for seq in range(1, 41):
        device.send(message(seq))
        if seq % 20 == 0:
            state = {"mode": "paused", "reason": "\u2603", "since": f"2026-11-20T08:00:{seq}.000Z"}
            device.send(state, "classroom/room-9/state")
    process.send_signal(signal.SIGCONT)
    wait_for(lambda: len(stored(own)) == 40, 20)
    process.terminate()
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert log.count("a message of room-9 cannot be stored and was left out; more are only counted") == 1
