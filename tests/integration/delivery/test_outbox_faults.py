"""Outboxes that are corrupt, hold a damaged text or hold too many windows."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from tests.support.brokers import Broker, Subscriber, free_port, wait_for
from tests.support.outboxes import alert, identities
from tests.support.publishing import Start, window

Open = Callable[..., Publisher]
Subscribe = Callable[..., Subscriber]


# Corrupt


def test_a_corrupt_outbox_is_told(broker: int, tmp_path: Path, opened: Open, subscribe: Subscribe) -> None:
    (tmp_path / "o").write_bytes(b"this was a database" * 500)
    subscriber = subscribe(broker)
    publisher = opened(broker, Outbox(tmp_path / "o"))
    publisher.publish_window(window())
    subscriber.wait("window")
    told = alert(subscriber, "outbox")
    aside = next(tmp_path.glob("o.corrupt-*[0-9]"))
    assert aside.name in told["problem"]
    assert told["lost"] == 0
    assert aside.read_bytes().startswith(b"this was a database")


@pytest.mark.parametrize("what", ["pages", "records"])
def test_an_outbox_that_turns_out_to_be_corrupt_while_running_is_replaced(
    start_broker: Callable[..., Broker], tmp_path: Path, opened: Open, subscribe: Subscribe, what: str
) -> None:
    """SQLite notices damaged pages when it opens a file again, damaged records only when it reads them."""
    path = tmp_path / "o"
    outbox = Outbox(path)
    outbox.start()
    with outbox._undoable():
        for _ in range(3000):
            outbox.put("x" * 3000, "edge.window/1")
    epoch = outbox.epoch
    outbox.stop()
    port = free_port()
    publisher = opened(port, outbox)
    start, end = 40_000, path.stat().st_size - 4_000_000  # not what SQLite has read first and last
    with path.open("r+b") as file:
        file.seek(start)
        sound = file.read(end - start)
        # A body of 3000 characters is announced as 2 * 3000 + 13, in seven bits a byte.
        bad = bytes(len(sound)) if what == "pages" else sound.replace(b"\xae\x7d", b"\xff\xff")
        assert bad != sound
        file.seek(start)
        file.write(bad)
    start_broker(port=port)
    subscriber = subscribe(port)
    assert "corrupt" in alert(subscriber, "outbox")["problem"]
    publisher.publish_window(window())
    wait_for(lambda: any(message.json()["epoch"] != epoch for message in subscriber.named("window")), 5)
    publisher.check()
    assert list(tmp_path.glob("o.corrupt-*"))


# Too many, too old


def test_the_oldest_are_dropped_when_there_are_too_many_and_that_is_told(
    start_broker: Callable[..., Broker], tmp_path: Path, opened: Open, subscribe: Subscribe,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("edge.delivery.failover_outbox.LOSS_SHOWN", 0.3)
    port = free_port()
    path = tmp_path / "o"
    publisher = opened(port, Outbox(path, max_bytes=200_000))
    for faces in range(1000):
        publisher.publish_window(window(faces))
    wait_for(publisher._new.empty, 20)
    wait_for(lambda: publisher._store._disk.outbox.depth < 500, 5)
    assert path.stat().st_size < 250_000
    time.sleep(1)
    # A restart hides nothing, nor does the time that nobody listens.
    publisher.stop()
    publisher = opened(port, Outbox(path, max_bytes=200_000))
    monkeypatch.setattr("edge.delivery.failover_outbox.LOSS_SHOWN", 4.0)
    start_broker(port=port)
    subscriber = subscribe(port)
    lost = alert(subscriber, "outbox")["lost"]
    messages = subscriber.wait("window", 1000 - lost, 30)
    assert [seq for _, seq in identities(messages)] == list(range(lost + 1, 1001))
    assert [message.json()["faces"]["total"] for message in messages] == list(range(lost, 1000))
    assert alert(subscriber, "outbox", 2) is None
    assert "too old or too many" in caplog.text
    publisher.stop()
    outbox = Outbox(path)
    outbox.start()
    assert outbox.loss is None
    outbox.stop()


def test_windows_that_are_in_flight_are_not_counted_as_lost(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o", max_bytes=100_000)
    outbox.start()
    for _ in range(300):
        outbox.put("x" * 1000, "edge.window/2")
    dropped = outbox.trim(keep={1, 2, 3})
    assert dropped > 0
    assert [row.seq for row in outbox.rows(0, 1000, 4)][:3] == [1, 2, 3]
    assert outbox.loss is not None
    assert outbox.loss.lost == dropped == 300 - outbox.depth
    outbox.stop()


def test_a_damaged_text_is_one_lost_window(broker: int, publish: Start, subscribe: Subscribe, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    outbox.start()
    for faces in (1, 2, 3):
        outbox.put(window(faces).to_json().decode(), "edge.window/2")
    outbox.stop()
    database = sqlite3.connect(tmp_path / "o.sqlite")
    database.execute("UPDATE windows SET body = CAST(x'7bff00fe' AS TEXT), uptime = 'what' WHERE seq = 2")
    database.commit()
    database.close()
    subscriber = subscribe(broker)
    publish(broker)
    assert [seq for _, seq in identities(subscriber.wait("window", 2))] == [1, 3]
    assert alert(subscriber, "outbox")["lost"] == 1
