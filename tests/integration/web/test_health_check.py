"""What the image's health check says of a page and of a broker, while they run and while they are held."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.web.access_list import add_grant
from tests.support.brokers import Broker
from tests.support.paths import ROOT
from tests.unit.web.test_access import TODAY

StartEdge = Callable[..., "subprocess.Popen[str]"]
StartBroker = Callable[..., Broker]


def health(address: str) -> int:
    """The exit status of the health check."""
    return subprocess.run([sys.executable, str(ROOT / "scripts/container/healthy.py"), address], check=False).returncode


def says_when_held(address: str, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> list[int]:
    """The health check's word before, while a process hangs, to which the kernel still connects, and afterwards."""
    said = [health(address)]
    process.send_signal(signal.SIGSTOP)
    try:
        said.append(health(address))
    finally:
        process.send_signal(signal.SIGCONT)
    return [*said, health(address)]


@pytest.mark.parametrize("token", [False, True], ids=["open", "token"])
def test_a_page_that_hangs_is_not_healthy(broker: int, edge: StartEdge, tmp_path: Path, token: bool) -> None:  # noqa: FBT001
    access = tmp_path / "access.yaml"
    if token:
        add_grant(access, "smith", "reader", ["room-1"], TODAY, None)
    options = ["--access-file", str(access)] if token else []
    process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0", *options)
    assert process.stdout is not None
    process.stdout.readline()
    address = process.stdout.readline().strip().rstrip("/")
    assert says_when_held(address, process) == [0, 1, 0]


@pytest.mark.parametrize("line", ["allow_anonymous true", "allow_anonymous false"])
def test_a_broker_that_hangs_is_not_healthy(start_broker: StartBroker, line: str) -> None:
    broker = start_broker(line)
    assert says_when_held(f"mqtt://127.0.0.1:{broker.port}", broker.process) == [0, 1, 0]
