"""What whoever watches the daemon is told of a pause."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from edge.config.schema import PrivacyConfig
from edge.daemon.run_state import RunState
from edge.daemon.sd_notify import Notifier
from edge.daemon.state_publisher import StatePublisher
from edge.timing.clock import SystemClock


def test_a_pause_says_once_how_it_is_ended_and_its_end_that_windows_come_again(tmp_path: Path) -> None:
    clock, told = SystemClock(), list[str]()
    run_state = RunState(clock.utc)
    run_state.use(tmp_path / "outbox.pause", PrivacyConfig())
    service: Any = SimpleNamespace(depth=0, publish_state=lambda _state: None)
    camera: Any = SimpleNamespace(mode="running", closed=False, problem="", frozen=False)
    state = StatePublisher(run_state, camera, service, Notifier(""), clock, tell=told.append)
    run_state.next_state(camera, "started")
    state.publish()
    assert told == []

    run_state.begin_pause("Mrs Doe")
    camera.mode = "paused"
    state.publish()
    camera.closed = True  # the driver has let go of it: another reason, the same pause
    state.publish()
    (sentence,) = told
    assert sentence.startswith("paused by Mrs Doe")
    assert sentence.endswith("no windows come until: edge resume")

    run_state.end_pause("a person at the device")
    camera.mode, camera.closed = "running", False
    state.publish("resumed by a person at the device")
    assert told[1:] == ["resumed by a person at the device: windows come again"]
