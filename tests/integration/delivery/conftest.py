"""Publishers with an outbox of one's choice, and proxies between them and a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.contract.topics import Topics
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.errors import EdgeError
from edge.mqtt.client_factory import BrokerSettings
from tests.support.faults import Proxy
from tests.support.publishing import INFO, STATE, TOPICS

Open = Callable[..., Publisher]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Starts publishers with an outbox of one's choice."""
    started: list[Publisher] = []

    def start(port: int, outbox: Outbox, topics: Topics = TOPICS) -> Publisher:
        settings = BrokerSettings(BrokerUrl("127.0.0.1", port, tls=False), "edge-room-9")
        publisher = Publisher(settings, topics, outbox, Lifetimes(3600, 3, 3))
        publisher.start(INFO, STATE)
        started.append(publisher)
        return publisher

    yield start
    for publisher in started:
        try:
            publisher.stop()
        except EdgeError:
            continue


@pytest.fixture
def proxy() -> Iterator[Callable[..., Proxy]]:
    """Starts proxies."""
    started: list[Proxy] = []

    def start(target: int, **options: Any) -> Proxy:
        started.append(Proxy(target, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
