"""What a broker kept, before an upgrade, with docs/mosquitto/drop-properties.py: all of it, but for the properties."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.load.fleet.plugin_broker import PluginBroker, client_id, missing
from tests.load.fleet.school import HOST, SHIPPED
from tests.load.fleet.users import User
from tests.load.raw_flood import PUBLISH_1, connect, packet, text
from tests.support.brokers import wait_for

PROGRAM = SHIPPED / "drop-properties.py"
EMPTY = b"\0\xb5\0mosquitto db" + b"\0" * 7 + b"\6"
WINDOW, STATE = "classroom/room-1/window", "classroom/room-1/state"
EXPIRES_LATER, USER_PROPERTY = b"\x02\0\0\x0e\x10", b"\x26" + text("only") + text("a property")


def drop(file: Path, memory: int = 10**12) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), str(file)], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)),
    )  # fmt: skip


def stop(broker: PluginBroker) -> None:
    """In an orderly way, with a snapshot."""
    assert broker.process is not None
    broker.process.terminate()
    assert broker.process.wait(30) == 0


@pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
def test_all_that_waits_or_is_retained_stays_without_its_properties(tmp_path: Path) -> None:
    broker = PluginBroker(tmp_path)
    broker.prepare()
    broker.start()
    try:
        broker.add_rooms("room-1")
        broker.add("recorder", "recorder")
        recorder = User(broker, "recorder", session=client_id("recorder"))
        recorder.ask("classroom/+/window", "classroom/+/state")
        recorder.stop()
        properties = EXPIRES_LATER + USER_PROPERTY
        with connect(HOST, broker.port, "room-1") as wire:
            for first, topic in ((PUBLISH_1, WINDOW), (b"\x33", STATE)):
                for given in (properties, b""):
                    head = text(topic) + b"\0\1" + bytes((len(given),)) + given
                    wire.sendall(packet(first, head + topic.encode() * 50))
                    assert wire.recv(100)[:1] == b"\x40"
        stop(broker)
        file = tmp_path / "mosquitto.db"
        was, rights = file.read_bytes(), file.stat()
        assert was.count(b"a property") == 2
        done = drop(file)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{file}: 4 messages, 2 of them had properties. As it was before: {file}.before\n"
        assert b"a property" not in file.read_bytes()
        assert (file.stat().st_mode, file.stat().st_uid) == (rights.st_mode, rights.st_uid)
        assert Path(f"{file}.before").read_bytes() == was
        broker.start()
        recorder = User(broker, "recorder", session=client_id("recorder"))
        wait_for(lambda: len(recorder.messages) >= 4, 20, lambda: f"what waited, got {recorder.topics()}")
        assert sorted(recorder.topics()) == [STATE, STATE, WINDOW, WINDOW]
        assert {message.payload for message in recorder.messages} == {topic.encode() * 50 for topic in (STATE, WINDOW)}
        # The broker keeps the expiry apart from the properties.
        left = {message.topic: message.expiry for message in reversed(recorder.messages)}  # of the first of each
        assert all(expiry is not None and 3000 < expiry <= 3600 for expiry in left.values()), left
        recorder.ask("classroom/room-1/+", "classroom/+/state")
        assert recorder.wait(STATE).payload == STATE.encode() * 50
        recorder.stop()
    finally:
        broker.kill()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "its end is missing"),
        (b"x" * 100, "no file of Mosquitto"),
        (EMPTY[:-1] + b"\7", "no file of Mosquitto"),
        (EMPTY + b"\0\0\0\2\0\0\0\x20", "its end is missing"),
        (EMPTY + b"\0\0\0\2\xff\xff\xff\xf0", "its end is missing"),
        (EMPTY + b"\0\0\0\x09\0\0\0\0", "unknown kind"),
        (EMPTY + b"\0\0\0\2\0\0\0\4abcd", "longer than its part"),
    ],
    ids=range(7),
)
def test_a_file_that_it_does_not_know_stays_as_it_is(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mosquitto.db"
    file.write_bytes(content)
    done = drop(file, 10**9)  # whatever length the file claims
    assert (done.returncode, said in done.stderr, "is as it was" in done.stderr) == (1, True, True), done.stderr
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("mosquitto.db", content)]


def test_a_copy_of_an_earlier_time_is_not_written_over(tmp_path: Path) -> None:
    file, before = tmp_path / "mosquitto.db", tmp_path / "mosquitto.db.before"
    for each in (file, before):
        each.write_bytes(b"of an earlier time")
    assert "move it away first" in drop(file).stderr
    assert before.read_bytes() == b"of an earlier time"
    assert "is as it was" in drop(tmp_path / "none").stderr


def test_files_that_were_not_finished_are_in_nobodys_way(tmp_path: Path) -> None:
    """One by Mosquitto, which is killed while it writes, and one by this program."""
    file = tmp_path / "mosquitto.db"
    file.write_bytes(EMPTY)
    for each in (".new", ".dropping"):
        Path(f"{file}{each}").write_bytes(b"half of it")
    done = drop(file)
    assert done.returncode == 0, done.stderr
    assert Path(f"{file}.new").read_bytes() == b"half of it"
    assert not Path(f"{file}.dropping").exists()
    assert file.read_bytes() == EMPTY
