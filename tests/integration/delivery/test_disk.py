"""Disks that are full, read-only or failing, or hold something else than they should; windows that are too many."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.errors import ConfigError, EdgeError
from tests.support.brokers import Broker, Subscriber, free_port, wait_for
from tests.support.faults import SmallDisk
from tests.support.outboxes import alert, identities
from tests.support.paths import ROOT
from tests.support.publishing import TOPICS, window

Open = Callable[..., Publisher]
Subscribe = Callable[..., Subscriber]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPEN_RETRY", "RECOVERED_AFTER", "REPORT_EVERY", "DELETE_RETRY"):
        monkeypatch.setattr(f"edge.delivery.failover_outbox.{name}", 0.3)


def rows(path: Path) -> list[int]:
    """What waits in an outbox that nobody uses."""
    database = sqlite3.connect(path)
    found = [row[0] for row in database.execute("SELECT seq FROM windows ORDER BY seq")]
    database.close()
    return found


def lost_of(subscriber: Subscriber) -> int:
    """How many windows were lost, as the newest alert says."""
    lost: int = subscriber.named("outbox")[-1].json()["lost"]
    return lost


# Full


def test_a_full_disk_is_told_and_nothing_stops(
    broker: int, disk: SmallDisk, opened: Open, subscribe: Subscribe, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = subscribe(broker)
    publisher = opened(broker, Outbox(disk.folder / "o"))
    assert publisher.connection.wait_connected(5)
    publisher.publish_window(window(1))
    subscriber.wait("window")
    wait_for(lambda: publisher.depth == 0, 5)
    disk.fill()
    for faces in (2, 3, 4, 5):
        publisher.publish_window(window(faces))
    messages = subscriber.wait("window", 5)
    assert [message.json()["faces"]["total"] for message in messages] == [1, 2, 3, 4, 5]
    assert not any(message.json()["replayed"] for message in messages)
    (epoch, _), (other, _) = identities(messages)[0], identities(messages)[-1]
    assert other != epoch
    assert "disk is full" in alert(subscriber, "disk")["problem"]
    assert subscribe(broker, TOPICS.alert("disk")).wait("disk")[0].retain
    disk.clear()
    publisher.publish_window(window(6))
    assert alert(subscriber, "disk", 2) is None
    on_disk = [seq for name, seq in identities(subscriber.wait("window", 6)) if name == epoch]
    assert on_disk == list(range(1, len(on_disk) + 1))
    assert identities(subscriber.named("window"))[-1][0] == epoch
    assert caplog.text.count("windows are kept in memory") == 1
    wait_for(lambda: publisher.depth == 0, 5)
    publisher.stop()
    assert rows(disk.folder / "o") == []


def test_a_disk_that_is_full_at_the_start_is_waited_for(
    broker: int, disk: SmallDisk, opened: Open, subscribe: Subscribe
) -> None:
    disk.fill()
    subscriber = subscribe(broker)
    publisher = opened(broker, Outbox(disk.folder / "sub" / "o"))
    publisher.publish_window(window(1))
    publisher.publish_window(window(2))
    memory = identities(subscriber.wait("window", 2))
    assert [seq for _, seq in memory] == [1, 2]
    assert alert(subscriber, "disk") is not None
    disk.clear()
    wait_for(lambda: publisher._store._disk.outbox.is_open, 5)
    publisher.publish_window(window(3))
    assert identities(subscriber.wait("window", 3))[2][0] != memory[0][0]
    assert alert(subscriber, "disk", 2) is None


def test_what_the_broker_has_is_not_sent_again_because_the_disk_could_not_forget_it(
    start_broker: Callable[..., Broker], disk: SmallDisk, opened: Open, subscribe: Subscribe
) -> None:
    port = free_port()
    publisher = opened(port, Outbox(disk.folder / "o"))
    for faces in (1, 2, 3):
        publisher.publish_window(window(faces))
    wait_for(lambda: publisher._store.depth == 3, 5)
    disk.fill()
    start_broker(port=port)
    subscriber = subscribe(port)
    subscriber.wait("window", 3)
    wait_for(lambda: publisher.depth == 0, 5)
    publisher.connection.reset("is changed by a test")
    wait_for(lambda: not publisher.connection.connected, 5)
    assert publisher.connection.wait_connected(10)
    disk.clear()
    wait_for(lambda: not publisher._store._disk.outbox.acknowledged, 10)
    publisher.stop()
    assert rows(disk.folder / "o") == []
    assert len(subscriber.named("window")) == 3


def test_without_disk_and_broker_the_oldest_are_dropped_and_the_rest_is_lost_aloud(
    start_broker: Callable[..., Broker], disk: SmallDisk, opened: Open, subscribe: Subscribe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("edge.delivery.failover_outbox.MEMORY_BYTES", 100_000)
    disk.fill()
    port = free_port()
    publisher = opened(port, Outbox(disk.folder / "o"))
    for faces in range(600):
        publisher.publish_window(window(faces))
    wait_for(lambda: publisher._new.empty() and publisher.depth < 300, 20)
    start_broker(port=port)
    subscriber = subscribe(port)
    first = alert(subscriber, "outbox")["lost"]  # which may be followed by more: losses are told now and then
    assert first > 0
    wait_for(lambda: lost_of(subscriber) + len(subscriber.named("window")) >= 600, 20)
    kept = [seq for _, seq in identities(subscriber.named("window"))]
    assert kept == list(range(lost_of(subscriber) + 1, 601))
    wait_for(lambda: publisher.depth == 0, 5)
    publisher.stop()


def test_what_dies_with_the_daemon_is_counted(disk: SmallDisk, opened: Open) -> None:
    disk.fill()
    publisher = opened(free_port(), Outbox(disk.folder / "o"))
    for _ in range(3):
        publisher.publish_window(window())
    wait_for(lambda: publisher._store.depth == 3, 5)
    with pytest.raises(EdgeError, match="3 windows could not be stored and are lost"):
        publisher.stop()


# Read-only, failing


def test_a_disk_that_is_read_only_at_the_start_is_waited_for(
    broker: int, disk: SmallDisk, opened: Open, subscribe: Subscribe
) -> None:
    first = Outbox(disk.folder / "o")
    first.start()
    first.put(window(1).to_json().decode(), "edge.window/2")
    first.stop()
    disk.writable(yes=False)
    subscriber = subscribe(broker)
    publisher = opened(broker, Outbox(disk.folder / "o"))
    publisher.publish_window(window(2))
    assert identities(subscriber.wait("window"))[0][0] != first.epoch
    assert "Read-only file system" in alert(subscriber, "disk")["problem"]
    disk.writable(yes=True)
    messages = subscriber.wait("window", 2)
    assert identities(messages)[1] == (first.epoch, 1)
    assert messages[1].json()["replayed"]
    publisher.publish_window(window(3))
    assert identities(subscriber.wait("window", 3))[2] == (first.epoch, 2)
    assert alert(subscriber, "disk", 2) is None


SCRIPT = """
import time; from pathlib import Path
import edge.delivery.failover_outbox as store
from edge.mqtt.client_factory import BrokerSettings
from edge.contract.channels import Lifetimes
from edge.delivery.publisher import Publisher
from edge.delivery.outbox import Outbox
from edge.config.broker_url import BrokerUrl
from tests.support.publishing import INFO, STATE, TOPICS, window
store.RECOVERED_AFTER = store.DELETE_RETRY = 0.3
url = BrokerUrl("127.0.0.1", {port}, False)
publisher = Publisher(BrokerSettings(url, "x"), TOPICS, Outbox(Path({path!r})), Lifetimes(60, 9, 9))
publisher.start(INFO, STATE)
while True:
    publisher.publish_window(window())
    publisher.check()
    time.sleep(0.2)
"""


def test_a_disk_that_fails_while_running_is_survived(broker: int, tmp_path: Path, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    path = str(tmp_path / "o")
    child = subprocess.Popen([sys.executable, "-c", SCRIPT.format(port=broker, path=path)], cwd=ROOT)
    try:
        subscriber.wait("window", 3)
        # The kernel refuses every write of that process beyond a byte: SQLite sees a disk I/O error.
        _, most = resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        assert "disk I/O error" in alert(subscriber, "disk")["problem"]
        before = len(subscriber.named("window"))
        subscriber.wait("window", before + 3)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (most, most))
        assert alert(subscriber, "disk", 2) is None
        before = len(subscriber.named("window"))
        subscriber.wait("window", before + 3)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
    found = identities(subscriber.named("window"))
    assert len(set(found)) == len(found)
    own = [seq for name, seq in found if name == found[0][0]]
    assert own == list(range(1, len(own) + 1))
    assert found[-1][0] == found[0][0]
    assert len({name for name, _ in found}) == 2


def test_a_mistake_of_a_person_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "o", Path("/proc/none/o"), tmp_path):
        with pytest.raises(ConfigError, match="outbox"):
            Outbox(path).start()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_missing_right_ends_the_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="Permission denied"):
        Outbox(tmp_path / "o").start()
