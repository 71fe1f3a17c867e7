"""Readers are where the daemon's own broker is, also when it starts after them, or on another port than before."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish as paho

from edge.config.broker_url import BrokerUrl
from edge.config.schema import Config
from edge.daemon.daemon_lock import DaemonLock, Flag
from edge.daemon.own_epoch import own_epoch
from edge.daemon.paths import make_outbox, pause_path
from edge.daemon.running_broker import Whereabouts
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.subscription import Subscription
from tests.support.brokers import Broker, free_port, wait_for

StartBroker = Callable[..., Broker]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = {"embedded_port": free_port()}
    return Config.model_validate(
        {"mode": "headcount", "mqtt": settings, "outbox": {"path": str(tmp_path / "ours/o.sqlite")}}
    )


@pytest.fixture
def daemon(config: Config) -> Iterator[DaemonLock]:
    """Of this user and configuration: it has made its files, and does not run yet."""
    outbox = make_outbox(config)
    outbox.start()
    outbox.stop()
    lock = DaemonLock(pause_path(config))
    lock.make()
    yield lock
    lock.close()


def brokers(config: Config, start_broker: StartBroker, number: int) -> list[int]:
    """Brokers on ports on which the daemon's may be, the first on that of the configuration."""
    first = config.mqtt.embedded_port
    found: list[int] = []
    for port in range(first, first + 20):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:  # another program has it
            continue
        found.append(start_broker(port=port).port)
        if len(found) == number:
            break
    assert found[0] == first, "the port of the configuration was taken meanwhile"
    return found


def is_online(port: int, **window: object) -> None:
    paho.single("classroom/room-1/availability", "online", 1, retain=True, hostname="127.0.0.1", port=port)
    if window:
        paho.single("classroom/room-1/latest", json.dumps(window), 1, retain=True, hostname="127.0.0.1", port=port)


def configured_url(config: Config) -> BrokerUrl:
    return BrokerUrl("127.0.0.1", config.mqtt.embedded_port, tls=False)


def reads_at(subscription: Subscription, port: int) -> bool:
    for _ in subscription.poll(0.1):
        pass
    return subscription.connected and subscription.url.port == port


@pytest.fixture
def reader(config: Config) -> Iterator[Subscription]:
    whereabouts = Whereabouts(config, configured_url(config))
    settings = BrokerSettings(whereabouts.look(), "reader", whereabouts=whereabouts)
    subscription = Subscription(settings, "classroom", ["+"])
    yield subscription
    subscription.stop()


def test_a_daemon_that_starts_after_its_readers(
    config: Config, start_broker: StartBroker, reader: Subscription, daemon: DaemonLock
) -> None:
    """Another program's broker has the configured port, and a stranger has a room of the same name."""
    configured, stranger, own = brokers(config, start_broker, 3)
    is_online(stranger, epoch="00000000")
    reader.start()
    wait_for(lambda: reads_at(reader, configured) or reads_at(reader, stranger), 20)
    with daemon.holding(Flag.RUNS):
        is_online(own)
        wait_for(lambda: reads_at(reader, own), 30)


def test_a_daemon_of_another_user_and_one_of_ours_that_comes_back_elsewhere(
    config: Config, start_broker: StartBroker, daemon: DaemonLock, request: pytest.FixtureRequest
) -> None:
    _, of_another, own = brokers(config, start_broker, 3)
    is_online(of_another, epoch="00000000")
    reader: Subscription = request.getfixturevalue("reader")  # looks for it now
    reader.start()
    wait_for(lambda: reads_at(reader, of_another), 20)
    with daemon.holding(Flag.RUNS):
        is_online(own)
        wait_for(lambda: reads_at(reader, own), 30)


def test_a_broker_where_the_room_is_not_online_is_not_the_daemons(
    config: Config, start_broker: StartBroker, reader: Subscription, daemon: DaemonLock
) -> None:
    configured, _ = brokers(config, start_broker, 2)
    reader.start()
    wait_for(lambda: reads_at(reader, configured), 20)
    with daemon.holding(Flag.RUNS):
        assert Whereabouts(config, reader.url).look() == reader.url


def test_of_two_rooms_of_one_name_it_is_the_one_whose_windows_are_ours(
    config: Config, start_broker: StartBroker, daemon: DaemonLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of another user has been paused for so long that no window of it is there."""
    monkeypatch.setattr("edge.daemon.running_broker.LOOK_EVERY", 0.2)
    of_another, own = brokers(config, start_broker, 2)
    is_online(of_another)
    with daemon.holding(Flag.RUNS):
        whereabouts = Whereabouts(config, configured_url(config))
        assert whereabouts.look().port == of_another
        is_online(own, epoch=own_epoch(config))
        wait_for(lambda: whereabouts(True).port == own, 20)
        for _ in range(3):
            assert whereabouts.look().port == own
