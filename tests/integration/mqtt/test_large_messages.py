"""A huge message takes nobody's memory, whatever protocol the broker speaks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.brokers import Subscriber, wait_for
from tests.support.daemon import Edge, end, run_sample

HUGE = 40_000_000  # bytes

Subscribe = Callable[..., Subscriber]


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_huge_command_is_not_read(
    broker: int, edge: Edge, subscribe: Subscribe, protocol: str, tmp_path: Path
) -> None:
    subscriber = subscribe(broker, "classroom/room-1/window")
    process = run_sample(edge, broker, "mode=headcount", f"mqtt.protocol={protocol}", f"outbox.path={tmp_path}/o")
    subscriber.wait("window", 2, seconds=30)
    watched = psutil.Process(process.pid)
    before = most = watched.memory_info().rss
    sender = paho.Client(CallbackAPIVersion.VERSION2)
    sender.connect("127.0.0.1", broker)
    sender.loop_start()
    info = sender.publish("classroom/room-1/cmd/pause", os.urandom(HUGE), 1)

    def accepted() -> bool:
        nonlocal most
        most = max(most, watched.memory_info().rss)
        return info.is_published()

    wait_for(accepted, 60)
    seen = len(subscriber.named("window"))
    wait_for(lambda: accepted() and len(subscriber.named("window")) > seen + 1, 60)
    sender.disconnect()
    sender.loop_stop()
    assert most - before < 15_000_000
    assert end(process)[2].count("Traceback") == 0
