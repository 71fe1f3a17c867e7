"""MQTT 3.1.1: a retained command is found out by asking, before it is obeyed."""

from __future__ import annotations

import contextlib
import queue

import pytest

from edge.contract.commands import REQUESTS
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.retained_probe import HOLD, MOST_HELD, RetainedProbe
from edge.mqtt.urgency import Urgency

PAUSE = "classroom/room-1/cmd/pause"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def message(payload: bytes = b"on", topic: str = PAUSE, *, retained: bool = False) -> IncomingMessage:
    return IncomingMessage(topic, payload, retained, None, None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def probe(clock: Clock, asked: list[str]) -> RetainedProbe:
    return RetainedProbe(REQUESTS, lambda: True, lambda: asked.append("asked"), clock)


def released(probe: RetainedProbe, clock: Clock) -> list[bytes]:
    found = [incoming.payload for _, incoming in probe.release()]
    clock.now += HOLD
    return found + [incoming.payload for _, incoming in probe.release()]


def test_what_does_not_come_back_is_obeyed_once(probe: RetainedProbe, clock: Clock, asked: list[str]) -> None:
    assert not probe.receive("pause", message(b"on"), Urgency.CLOSES)
    assert not probe.receive("pause", message(b"off"), Urgency.CLOSES)
    assert probe.release() == []
    assert released(probe, clock) == [b"on", b"off"]
    assert asked == ["asked"]
    assert released(probe, clock) == []


def test_what_comes_back_is_refused_once(probe: RetainedProbe, clock: Clock) -> None:
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    assert probe.receive("pause", message(retained=True), Urgency.CLOSES)  # and is refused as retained
    assert released(probe, clock) == []
    # It comes again with the question about another command, and was refused already.
    assert not probe.receive("resume", message(b"", "classroom/room-1/cmd/resume"), Urgency.CLOSES)
    probe.release()
    assert not probe.receive("pause", message(retained=True), Urgency.CLOSES)
    assert released(probe, clock) == [b""]


def test_a_retained_copy_keeps_no_later_command_of_the_same_words_out(probe: RetainedProbe, clock: Clock) -> None:
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    assert probe.receive("pause", message(retained=True), Urgency.CLOSES)  # to be refused
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    assert not probe.receive("pause", message(retained=True), Urgency.CLOSES)  # the same copy comes with every question
    assert released(probe, clock) == [b"on"]


def test_a_pause_that_somebody_retains_takes_no_live_one_with_it(probe: RetainedProbe, clock: Clock) -> None:
    for _ in range(3):  # somebody retains it and clears it, again and again, while another sends it live
        assert not probe.receive("pause", message(), Urgency.CLOSES)
        assert not probe.receive("pause", message(), Urgency.CLOSES)
        probe.release()
        assert probe.receive("pause", message(retained=True), Urgency.CLOSES)  # to be refused
        assert not probe.receive("pause", message(b""), Urgency.OPENS)
        assert released(probe, clock) == [b"on"]


def test_retained_commands_of_made_up_names_keep_no_live_pause_out(probe: RetainedProbe, clock: Clock) -> None:
    for number in range(200):
        topic = f"classroom/room-1/cmd/x{number}"
        assert probe.receive(f"x{number}", message(topic=topic), Urgency.OTHER)  # to be refused at once
        assert not probe.receive(f"x{number}", message(topic=topic, retained=True), Urgency.OTHER)
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    assert probe.receive("pause", message(retained=True), Urgency.CLOSES)
    for _ in range(5):
        assert not probe.receive("pause", message(), Urgency.CLOSES)
        probe.release()
        assert not probe.receive("pause", message(retained=True), Urgency.CLOSES)
        assert released(probe, clock) == [b"on"]


def test_a_resume_that_somebody_retains_is_not_obeyed_in_doubt(probe: RetainedProbe, clock: Clock) -> None:
    for _ in range(2):
        assert not probe.receive("pause", message(b"off"), Urgency.OPENS)
    probe.release()
    assert probe.receive("pause", message(b"off", retained=True), Urgency.OPENS)
    assert released(probe, clock) == []


def test_clearing_is_no_command(probe: RetainedProbe, clock: Clock) -> None:
    assert probe.receive("pause", message(retained=True), Urgency.CLOSES)  # as at every start
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)
    assert released(probe, clock) == []
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)  # now it is one
    assert released(probe, clock) == [b""]


def test_where_messages_say_it_themselves_nobody_waits(clock: Clock) -> None:
    probe = RetainedProbe(REQUESTS, lambda: False, lambda: pytest.fail("asked"), clock)
    assert probe.receive("pause", message(), Urgency.CLOSES)
    for _ in range(2):
        assert probe.receive("pause", message(retained=True), Urgency.CLOSES)  # and is refused each time
    assert len(probe) == 0


def test_a_flood_is_bounded_and_pushes_no_pause_out(probe: RetainedProbe, clock: Clock) -> None:
    probe.receive("pause", message(b"mine"), Urgency.CLOSES)
    for _ in range(MOST_HELD):
        probe.receive("health", message(b"", "classroom/room-1/cmd/health"), Urgency.OTHER)
    with pytest.raises(queue.Full):
        probe.receive("health", message(b"", "classroom/room-1/cmd/health"), Urgency.OTHER)
    assert len(probe) == MOST_HELD + 1
    assert b"mine" in released(probe, clock)
    for number in range(3 * MOST_HELD):
        probe.receive("pause", message(str(number).encode()), Urgency.CLOSES)
    found = released(probe, clock)
    assert len(found) == MOST_HELD
    assert found[-1] == str(3 * MOST_HELD - 1).encode()


def test_a_flood_of_what_is_refused_pushes_no_pause_out(probe: RetainedProbe, clock: Clock) -> None:
    probe.receive("pause", message(b"mine"), Urgency.CLOSES)
    for _ in range(3 * MOST_HELD):
        with contextlib.suppress(queue.Full):
            probe.receive("pause", message(b"off"), Urgency.OPENS)
            probe.receive("pause", message(b"junk"), Urgency.REFUSED)
    assert len(probe) == MOST_HELD
    assert released(probe, clock)[0] == b"mine"
