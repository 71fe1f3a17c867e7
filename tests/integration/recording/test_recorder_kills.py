"""Recorder and broker are killed in the middle of a stream: every window once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.brokers import Broker, wait_for
from tests.support.publishing import Start, window
from tests.support.recordings import Sender, StartEdge, address, lines_of, message, recording, rows

StartBroker = Callable[..., Broker]


OLD = """
import sys
from dataclasses import replace
from edge.cli import record
modern = record.subscriber_settings
record.subscriber_settings = lambda *call: (replace(modern(*call)[0], mqtt5=False), *modern(*call)[1:])
from edge.__main__ import main
sys.exit(main())
"""  # the command, but without MQTT 5


@pytest.mark.parametrize("mqtt5", [True, False])
def test_kills_of_the_recorder_in_the_middle_of_a_stream(
    start_broker: StartBroker, sender: Callable[[int], Sender], tmp_path: Path, *, mqtt5: bool
) -> None:
    path = tmp_path / "r.sqlite"
    port = start_broker("max_queued_messages 10000").port
    program = ("-m", "edge") if mqtt5 else ("-c", OLD)
    started: list[subprocess.Popen[str]] = []

    def edge(*arguments: str) -> subprocess.Popen[str]:
        started.append(subprocess.Popen([sys.executable, *program, *arguments], text=True, stderr=subprocess.PIPE))
        return started[-1]

    process = recording(edge, path, port)
    device = sender(port)
    seq = 0
    for _ in range(4):
        target = seq + 150
        while seq < target - 50:
            seq += 1
            device.send(message(seq))
        process.kill()  # some are stored and not acknowledged, some have not come at all
        process.wait()
        while seq < target:
            seq += 1
            device.send(message(seq))
        process = edge("record", "--database", str(path), "--broker", address(port))
    wait_for(lambda: len(rows(path)) == seq, 30)
    assert rows(path) == list(range(1, seq + 1))
    log = lines_of(process, "connected to broker")
    assert f"(MQTT {5 if mqtt5 else '3.1.1'})" in log
    process.terminate()
    log += process.communicate(timeout=30)[1]
    assert "may be missing" not in log


def test_kills_of_the_broker(start_broker: StartBroker, edge: StartEdge, publish: Start, tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir(mode=0o777)
    lines = ("persistence true", f"persistence_location {folder}/", "max_queued_messages 10000")
    broker = start_broker(*lines)
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker.port)
    publisher = publish(broker.port)

    def send(count: int) -> None:
        for _ in range(count):
            publisher.publish_window(window())

    send(30)
    wait_for(lambda: len(rows(path)) == 30, 30)
    saved = folder / "mosquitto.db"
    broker.process.send_signal(signal.SIGUSR1)  # as its autosave does: it must not forget that there is a recorder
    wait_for(lambda: saved.exists() and b"classroom/+/window" in saved.read_bytes(), 20)
    broker.process.kill()  # while both are connected
    broker.process.wait()
    send(30)
    broker = start_broker(*lines, port=broker.port)
    wait_for(lambda: len(rows(path)) == 60, 60)
    process.kill()
    process.wait()
    send(40)
    wait_for(lambda: publisher.depth == 0, 30)
    broker.process.send_signal(signal.SIGUSR1)  # as its autosave does
    wait_for(lambda: saved.read_bytes().count(b'"edge.window/2"') >= 40, 20)
    broker.process.kill()  # while the recorder is away
    broker.process.wait()
    start_broker(*lines, port=broker.port)
    recording(edge, path, broker.port)
    wait_for(lambda: len(rows(path)) == 100, 60)
    assert rows(path) == list(range(1, 101))
    publisher.stop()
