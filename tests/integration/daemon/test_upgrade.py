"""What version 0.1.0 left on the disk, taken over by this one. fixtures/0.1.0 says how the files were made."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.client_factory import BrokerSettings
from tests.support.brokers import Subscriber, wait_for
from tests.support.paths import ROOT
from tests.support.publishing import INFO, STATE, TOPICS, window

OLD = ROOT / "tests/fixtures/0.1.0"
SENT = (OLD / "outbox.sent.jsonl").read_bytes().splitlines()
YEARS = 20 * 365 * 86400.0  # the fixture must not grow too old


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A copy of the outbox of 0.1.0."""
    return Path(shutil.copy(OLD / "outbox.sqlite", tmp_path / "outbox.sqlite"))


def test_an_outbox_of_0_1_0_opens_and_keeps_its_name_its_numbers_and_its_loss(path: Path) -> None:
    database = sqlite3.connect(path)
    columns = {row[1] for row in database.execute("PRAGMA table_info(windows)")}
    database.close()
    assert columns == {"seq", "created", "body", "boot", "uptime", "synced"}, "the fixture is not what it was"
    outbox = Outbox(path)
    outbox.start()
    assert outbox.epoch == json.loads(SENT[0])["epoch"]
    assert (outbox.depth, outbox.newest) == (3, 5)
    assert outbox.loss is not None
    assert outbox.loss.lost == 1
    assert {row.schema for row in outbox.rows(0, 9, 9)} == {"edge.window/1"}
    assert outbox.put("{}", "edge.window/2") == 6
    outbox.stop()
    # And once more, now that it has been brought up to date.
    outbox.start()
    assert [row.schema for row in outbox.rows(0, 9, 9)] == 3 * ["edge.window/1"] + ["edge.window/2"]
    assert all(row.sound for row in outbox.rows(0, 9, 9))
    outbox.stop()


@pytest.mark.parametrize("mqtt5", [True, False])
def test_unsent_windows_of_0_1_0_go_out_unchanged(
    broker: int, subscribe: Callable[..., Subscriber], path: Path, *, mqtt5: bool
) -> None:
    subscriber = subscribe(broker)
    settings = BrokerSettings(BrokerUrl("127.0.0.1", broker, tls=False), "edge-room-9", mqtt5=mqtt5)
    publisher = Publisher(settings, TOPICS, Outbox(path), Lifetimes(YEARS, 3, 3))
    publisher.start(INFO, STATE)
    try:
        subscriber.wait("window", 3)
        publisher.publish_window(window(7))
        messages = subscriber.wait("window", 4)
        lost = subscriber.wait("outbox")[0].json()["lost"]
        wait_for(lambda: publisher.depth == 0, 5)
    finally:
        publisher.stop()
    # Byte for byte what 0.1.0 would have sent, and named as what it is.
    assert [message.payload for message in messages[:3]] == SENT
    new = messages[3].json()
    assert (new["schema"], new["epoch"], new["seq"]) == ("edge.window/2", json.loads(SENT[0])["epoch"], 6)
    assert lost == 1
    schemas = [message.schema for message in messages]
    assert schemas == (["edge.window/1"] * 3 + ["edge.window/2"] if mqtt5 else [None] * 4)
    assert {message.schema for message in subscriber.named("latest")} == ({"edge.window/2"} if mqtt5 else {None})
