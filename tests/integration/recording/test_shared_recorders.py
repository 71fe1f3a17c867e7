"""Several recorders share the windows of a school: recorders and broker are killed, and every window is there once."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.cli import run_command_line
from edge.config.broker_url import BrokerUrl
from edge.errors import ConfigError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.postgres import shared_sessions
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.shared_sessions import SharedSessions
from edge.recording.session import Session
from edge.recording.shared_windows import SharedWindows
from edge.recording.stores import make_shared_sessions, make_store
from edge.recording.window_store import AwayError
from edge.reporting.totals import add_up
from tests.support.brokers import Broker, wait_for
from tests.support.publishing import Start, window
from tests.support.recordings import NOW, Sender, StartEdge, address, lines_of, message, stamp
from tests.support.stores import Place
from tests.unit.recording.test_rollups import DAY

StartBroker = Callable[..., Broker]
KEEPING = ("max_queued_messages 10000", "persistence true")


def started(edge: StartEdge, place: Place, port: int) -> tuple[subprocess.Popen[str], str]:
    """A recorder that the broker knows, and its log so far."""
    assert isinstance(place.target, PostgresAddress)
    process = edge(
        "record", "--database", place.target.url, "--school", "north", "--share", "main", "--broker", address(port)
    )
    return process, lines_of(process, "connected to broker")


def recorder(edge: StartEdge, place: Place, port: int) -> subprocess.Popen[str]:
    return started(edge, place, port)[0]


def stored(place: Place) -> list[int]:
    """The numbers that are there, with every repetition."""
    return list(map(int, place.sql("SELECT seq FROM edge.windows ORDER BY seq")))


def online(place: Place) -> str:
    return "".join(place.sql("SELECT online FROM edge.availability ORDER BY id"))


def sessions(place: Place) -> int:
    return len(place.sql("SELECT id FROM edge_private.shared_sessions"))


@pytest.fixture
def send(sender: Callable[[int], Sender]) -> Callable[[int, int], None]:
    numbers = itertools.count(1)
    devices: dict[int, Sender] = {}

    def send(port: int, count: int) -> None:
        for _ in range(count):
            devices.setdefault(port, sender(port)).send(message(next(numbers)))

    return send


def test_kills_of_either_recorder_and_of_both(
    postgres: Place, start_broker: StartBroker, edge: StartEdge, send: Callable[[int, int], None]
) -> None:
    port = start_broker(*KEEPING).port
    first, second = recorder(edge, postgres, port), recorder(edge, postgres, port)
    send(port, 60)
    for victims in ([second], [first], [first, second]):
        for process in victims:
            process.send_signal(signal.SIGKILL)  # some windows are stored and not acknowledged, some did not come
        send(port, 60)
        for process in victims:
            process.wait()
        if first in victims:
            first = recorder(edge, postgres, port)
        if second in victims:
            second = recorder(edge, postgres, port)
        send(port, 60)
    wait_for(lambda: len(stored(postgres)) >= 420, 40)
    for process in (first, second):
        process.terminate()
        assert process.wait(20) == 0
        log = process.stderr.read() if process.stderr else ""
        assert "Traceback" not in log
    assert stored(postgres) == list(range(1, 421))
    assert sessions(postgres) == 2, "a recorder that starts goes on with the session of one that died"
    with postgres.read() as recorded:
        span = ("room-1", NOW, NOW + DAY)
        assert add_up(list(recorded.buckets(*span))) == add_up(list(recorded.windows(*span)))


def restarted(start_broker: StartBroker, broker: Broker, *lines: str) -> Broker:
    """Killed, and started again with what it had saved."""
    broker.process.kill()
    broker.process.wait()
    return start_broker(*lines, port=broker.port)


def save(broker: Broker, file: Path, what: bytes, count: int = 1) -> None:
    """Have it save its sessions, as its autosave does."""
    file.unlink(missing_ok=True)  # what it saved before may look the same
    broker.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: file.exists() and file.read_bytes().count(what) >= count, 20)


def test_kills_of_the_broker(
    postgres: Place, start_broker: StartBroker, edge: StartEdge, publish: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "broker"
    folder.mkdir(mode=0o777)
    saved, lines = folder / "mosquitto.db", (*KEEPING, f"persistence_location {folder}/")
    broker = start_broker(*lines)
    processes = [recorder(edge, postgres, broker.port) for _ in range(2)]
    publisher = publish(broker.port)

    def send(count: int) -> None:
        for _ in range(count):
            publisher.publish_window(window())

    send(30)
    wait_for(lambda: len(stored(postgres)) == 30, 30)
    save(broker, saved, b"classroom/+/window")
    broker.process.kill()  # with everybody connected
    broker.process.wait()
    send(30)  # come as soon as it is back, perhaps before any recorder
    broker = start_broker(*lines, port=broker.port)
    wait_for(lambda: len(stored(postgres)) == 60, 60)
    for process in processes:
        process.kill()
        process.wait()
    send(30)
    wait_for(lambda: publisher.depth == 0, 30)
    save(broker, saved, b'"edge.window/2"', 30)
    broker = restarted(start_broker, broker, *lines)  # it forgets the share here, and what comes is in no session of it
    send(30)
    wait_for(lambda: publisher.depth == 0, 30)
    for _ in range(2):
        recorder(edge, postgres, broker.port)
    wait_for(lambda: len(stored(postgres)) >= 120, 60)
    assert stored(postgres) == list(range(1, 121))
    publisher.stop()


def test_the_session_of_a_recorder_that_does_not_come_back_is_emptied_and_ended(
    postgres: Place, start_broker: StartBroker, edge: StartEdge, send: Callable[[int, int], None],
    sender: Callable[[int], Sender],
) -> None:  # fmt: skip
    """And what is retained is stored once, by whichever has the ordinary session."""
    port = start_broker(*KEEPING).port
    device, topic = sender(port), "classroom/room-1/availability"
    first, second = recorder(edge, postgres, port), recorder(edge, postgres, port)
    send(port, 40)
    # One by one: of words that come together the last two are stored.
    device.send(b"online", topic, retain=True)
    wait_for(lambda: online(postgres) == "t", 20)
    device.send(b"offline", topic, retain=True)
    wait_for(lambda: online(postgres) == "tf", 20)
    wait_for(lambda: len(stored(postgres)) == 40, 20)
    first.kill()
    first.wait()
    for word in (b"online", b"offline"):
        device.send(word, topic, retain=True)
    send(port, 40)
    wait_for(lambda: sessions(postgres) == 1, 60)
    send(port, 20)
    wait_for(lambda: len(stored(postgres)) >= 100, 20)
    assert stored(postgres) == list(range(1, 101))
    # In order, also those that came while nobody listened; what was stored and not yet acknowledged is heard again.
    assert online(postgres) in ("tftf", "tftftf")
    third = recorder(edge, postgres, port)  # of which the broker knows nothing
    third.terminate()
    assert "may be missing" not in third.communicate(timeout=20)[1]
    second.terminate()
    log = second.communicate(timeout=20)[1]
    assert "Traceback" not in log


def test_without_its_database_a_recorder_leaves_the_broker_and_comes_back(
    own: Place, start_broker: StartBroker, edge: StartEdge, send: Callable[[int, int], None]
) -> None:
    assert own.server
    port = start_broker(*KEEPING).port
    processes = [recorder(edge, own, port) for _ in range(2)]
    send(port, 40)
    own.server.kill()
    send(port, 60)
    own.server.start()
    send(port, 40)
    wait_for(lambda: len(stored(own)) >= 140, 60)
    assert stored(own) == list(range(1, 141))
    assert sessions(own) == 2
    for process in processes:
        process.terminate()
    for process in processes:
        log = process.communicate(timeout=20)[1]
        assert "Messages stay at the broker; trying again every 2 s" in log
        assert "may be missing" not in log
        assert "Traceback" not in log


DAMAGE = {
    "a value that cannot be": "CREATE OR REPLACE FUNCTION edge.missing_windows(school text, since timestamptz, "
    "until timestamptz) RETURNS TABLE (device_name text, epoch text, first bigint, last bigint, before timestamptz) "
    "LANGUAGE sql AS $$ SELECT '', '', 1 / length(''), 1::bigint, now() $$",
    "no function": "DROP FUNCTION edge.missing_windows",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_question_that_has_no_answer_ends_no_recorder_and_leaves_it_its_sessions(
    damage: str, postgres: Place, start_broker: StartBroker, edge: StartEdge, send: Callable[[int, int], None]
) -> None:
    port = start_broker(*KEEPING).port
    with postgres.opened():
        pass
    postgres.sql(damage)
    process, log = started(edge, postgres, port)
    said = "which windows never came cannot be told"
    if said not in log:
        lines_of(process, said)
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
    assert postgres.sql(held) == ["2"], "one of the share, and the ordinary one"
    send(port, 20)
    wait_for(lambda: stored(postgres) == [*range(1, 21)], 20, "windows")
    assert process.poll() is None


def test_forget_ends_every_session_of_the_school(
    postgres: Place, start_broker: StartBroker, edge: StartEdge, send: Callable[[int, int], None]
) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    port = start_broker(*KEEPING).port
    processes = [recorder(edge, postgres, port) for _ in range(2)]
    database = ("--database", postgres.target.url, "--school", "north", "--broker", address(port))
    done = edge("record", *database, "--forget")  # it would take what comes before they are back
    assert "somebody records into" in done.communicate(timeout=30)[1]
    assert (done.returncode, sessions(postgres)) == (75, 2)
    for process in processes:
        process.terminate()
        process.wait(20)
    done = edge("record", *database, "--forget")
    assert len(done.communicate(timeout=30)[0].splitlines()) == 3
    assert done.returncode == 0
    assert sessions(postgres) == 0
    send(port, 5)  # for nobody
    recorder(edge, postgres, port)
    send(port, 5)
    wait_for(lambda: stored(postgres) == [6, 7, 8, 9, 10], 20)


def test_what_a_share_has_left_is_ended_beside_a_recorder_that_goes_on_alone(
    postgres: Place,
    start_broker: StartBroker,
    edge: StartEdge,
    send: Callable[[int, int], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    port = start_broker(*KEEPING).port
    process = recorder(edge, postgres, port)
    process.terminate()
    process.wait(20)
    database = ("--database", postgres.target.url, "--school", "north", "--broker", address(port))
    alone = edge("record", *database)
    lines_of(alone, "connected to broker")
    assert edge("record", *database, "--forget").wait(30) == 75
    ending = ["record", *database, "--forget", "--share", "main"]
    again: list[subprocess.Popen[str]] = []
    with monkeypatch.context() as patched:  # while it waits, a recorder of the share starts again
        patched.setattr("edge.cli.record.time.sleep", lambda _seconds: again.append(recorder(edge, postgres, port)))
        assert run_command_line(ending) == 0
    assert (capsys.readouterr().out, sessions(postgres)) == ("", 1)
    again[0].terminate()
    again[0].wait(20)
    monkeypatch.setattr("edge.cli.record.PATIENCE", 0.1)
    assert run_command_line(ending) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert sessions(postgres) == 0
    assert run_command_line(ending) == 0
    assert capsys.readouterr().out == "share main has no session that nobody has\n"
    send(port, 5)
    wait_for(lambda: stored(postgres) == [1, 2, 3, 4, 5], 20)
    alone.terminate()
    assert "lost the session" not in alone.communicate(timeout=20)[1]


def test_no_session_is_ended_of_a_school_that_is_not_there_or_beside_a_recorder_of_version_0_3(
    postgres: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    for school in ("north", "south"):
        store = make_store(replace(postgres.target, school=school), "classroom")
        store.start()
        store.stop()

    url = postgres.target.url

    def forget(school: str, *named: str) -> tuple[int, str]:
        database = ("--database", url, "--school", school, "--broker", "mqtt://127.0.0.1:9")
        return run_command_line(["record", *database, "--forget", *named]), "".join(capsys.readouterr())

    for named in ((), ("--client-id", "edge-recorder"), ("--share", "main")):
        code, told = forget("nroth", *named)
        assert (code, "has no school 'nroth': it has: north, south" in told) == (78, True)
    assert postgres.sql("SELECT count(*) FROM edge.schools") == ["2"]
    of_version_0_3 = make_store(replace(postgres.target, school="south"), "classroom")
    with monkeypatch.context() as patched:
        patched.setattr(shared_sessions, "record", lambda *_: None)
        of_version_0_3.start()
    for named in ((), ("--client-id", "edge-recorder")):
        code, told = forget("north", *named)
        assert (code, "a recorder of version 0.3.0 is connected to" in told) == (75, True)
    of_version_0_3.stop()
    monkeypatch.setattr("edge.cli.record.FORGET_SECONDS", 0.1)
    code, told = forget("north", "--client-id", "edge-recorder")
    assert (code, "no answer from broker" in told) == (1, True)


def test_days_are_kept_no_shorter_than_what_they_are_made_of_and_not_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = ("--database", "postgresql://nobody@127.0.0.1:1/none", "--school", "north")
    for target, given, words in (
        (("--database", str(tmp_path / "r.sqlite")), ("--keep-daily-days", "500"), "is a file, which keeps days as"),
        (database, ("--keep-daily-days", "300"), "300 is less than the 400 days of --keep-days"),
        (database, ("--keep-daily-days", "500", "--keep-days", "all"), "500 is less than the 36500 days"),
    ):
        assert run_command_line(["record", *target, *given]) == 78
        assert words in capsys.readouterr().err


def test_a_file_is_not_shared_and_ids_are_for_so_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["record", "--database", str(tmp_path / "r.sqlite"), "--share", "main"]) == 78
    assert "is a file, which one recorder writes" in capsys.readouterr().err
    database = ("--database", "postgresql://nobody@127.0.0.1:1/none", "--school", "north")
    for words, said in (
        (("--share", "main", "--client-id", "mine"), "--share with --client-id needs --recorders"),
        (("--share", "main", "--recorders", "2"), "--recorders needs --share and --client-id"),
        (("--client-id", "mine", "--recorders", "2"), "--recorders needs --share and --client-id"),
    ):
        assert run_command_line(["record", *database, *words]) == 78
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_command_line(["record", *database, "--share", "a/b"])


def test_sessions_have_the_ids_that_were_given_and_no_others(postgres: Place) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    for school in ("north", "south"):
        make_store(replace(postgres.target, school=school), "classroom").start()

    def member(ids: Sequence[str] = ("edge-recorder-1", "edge-recorder-2"), school: str = "north") -> SharedSessions:
        assert isinstance(postgres.target, PostgresAddress)
        return make_shared_sessions(replace(postgres.target, school=school), "main", ids)

    former, first, second, third = member(()), member(), member(), member()
    random_id = former.start()
    former.stop()
    assert [each.start() for each in (first, second, third)] == ["edge-recorder-1", "edge-recorder-2", None]
    assert third.free() == [random_id], "it is known that a session is nobody's"
    assert not third.take(str(random_id)), "of which the broker has no user for us"
    first.stop()
    assert not former.take("edge-recorder-1")
    assert (former.start(), third.start()) == (random_id, "edge-recorder-1")
    with pytest.raises(ConfigError, match="edge-recorder-[12] as an id of another school"):
        member(school="south").start()
    for each in (former, second, third):
        each.stop()


def test_a_recorder_that_stands_still_loses_its_sessions_to_the_others(
    postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its system goes on answering for it, and what it had would wait at the broker until it expires."""
    monkeypatch.setattr("edge.recording.postgres.shared_sessions.STILL_SECONDS", 1)
    assert isinstance(postgres.target, PostgresAddress)
    make_store(postgres.target, "classroom").start()
    still, lively = (make_shared_sessions(postgres.target, "main") for _ in range(2))
    found = still.start()
    assert found is not None
    assert still.take_ordinary()
    lively.start()
    wait_for(lambda: lively.free() == [found], 20, "its session")
    assert lively.take(found)
    assert lively.take_ordinary()
    with pytest.raises(AwayError):
        still.free()
    lively.stop()


def test_who_guesses_the_name_of_the_share_takes_no_window(
    postgres: Place, start_broker: StartBroker, edge: StartEdge, sender: Callable[[int], Sender]
) -> None:
    port = start_broker(*KEEPING).port
    recorder(edge, postgres, port)
    time.sleep(5)  # by then it leaves to the share what the share is sure to bring
    stranger = Session(BrokerSettings(BrokerUrl.parse(address(port)), "stranger"), ["$share/main/classroom/+/window"])
    stranger.start()
    wait_for(lambda: stranger.poll(0.05) == [] and stranger.subscribed, 20)
    device = sender(port)
    for number in range(1, 21):
        device.send({**at(100 + number), "seq": number})
    wait_for(lambda: len(stored(postgres)) >= 20, 20)
    stranger.stop()
    assert stored(postgres) == list(range(1, 21))


class Pair:
    """An ordinary session and one of a share, and what the first has brought."""

    def __init__(self, port: int) -> None:
        settings = [BrokerSettings(BrokerUrl.parse(address(port)), f"pair-{number}") for number in (1, 2)]
        self.ordinary = Session(settings[0], ["classroom/+/window"])
        self.shared = Session(settings[1], ["$share/main/classroom/+/window"])
        self.clock_set = True
        self.windows = SharedWindows(self.ordinary, self.shared, synced=lambda: self.clock_set)
        self.windows.all_taken = True

    def step(self) -> list[bool]:
        """Which of the windows that came the share is sure to bring."""
        self.windows.look()
        self.shared.acknowledge(self.shared.poll(0.0))
        return [self.windows.bring(each) for each in self.ordinary.poll(0.05)]

    def answers(self, seconds: float = 20) -> Iterator[bool]:
        """For each window that comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            yield from self.step()


def at(seconds: float, *, synced: bool = True) -> dict[str, Any]:
    """A window that ended so many seconds from now."""
    end = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    span = {"start": stamp(end - timedelta(seconds=10)), "end": stamp(end), "seconds": 10.0}
    return {**message(1), "window": span, "quality": {"coverage": 1.0, "too_small": 0, "clock_synced": synced}}


def test_only_windows_that_are_newer_than_the_share_are_left_to_it(
    start_broker: StartBroker, sender: Callable[[int], Sender]
) -> None:
    broker = start_broker(*KEEPING)
    device, pair = sender(broker.port), Pair(broker.port)
    pair.ordinary.start()
    wait_for(lambda: pair.step() == [] and pair.ordinary.subscribed, 20)
    device.send(at(100))
    assert next(pair.answers()) is False, "there is no share"
    pair.clock_set = False
    pair.shared.start()
    wait_for(lambda: pair.step() == [] and pair.shared.subscribed, 20)
    device.send(at(100))
    assert next(pair.answers()) is False, "our own clock may be behind"
    pair.clock_set = True

    def shared() -> bool:
        device.send(at(100))
        return next(pair.answers())

    wait_for(shared, 20)
    for content, what in ((at(30), "may be older"), (at(100, synced=False), "a clock that was never set"),
                         ({"end": "never"}, "no window")):  # fmt: skip
        device.send(content)
        assert next(pair.answers()) is False, what
    pair.windows.all_taken = False
    device.send(at(100))
    assert next(pair.answers()) is False, "a part of it waits for nobody"
    pair.windows.all_taken = True
    pair.shared.stop()
    pair.step()
    device.send(at(100))
    assert next(pair.answers()) is False, "we have left it"
    pair.ordinary.stop()
