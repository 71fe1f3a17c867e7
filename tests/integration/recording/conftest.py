"""Devices that send to a recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.recordings import Sender


@pytest.fixture
def sender() -> Iterator[Callable[[int], Sender]]:
    started: list[Sender] = []

    def start(port: int) -> Sender:
        started.append(Sender(port))
        return started[-1]

    yield start
    for each in started:
        each.stop()
