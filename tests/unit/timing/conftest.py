"""This process in another time zone, for a while."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def local_zone() -> Iterator[Callable[[str], None]]:
    """Sets this machine's time zone as somebody outside would: without telling the process."""
    before = os.environ.get("TZ")

    def choose(name: str) -> None:
        os.environ["TZ"] = name

    yield choose
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()
