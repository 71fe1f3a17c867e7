"""MQTT 3.1.1: a retained command is found out by asking, before it is obeyed."""

from __future__ import annotations

import contextlib
import json
import queue
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.contract.commands import REQUESTS, Request
from edge.contract.topics import Topics
from edge.mqtt.command_queue import CommandQueue, Reply, urgency_of
from edge.mqtt.properties import IncomingMessage, Receipt
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
    return RetainedProbe(REQUESTS, lambda: True, lambda: asked.append("asked"), lambda: True, clock)


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
    assert probe.receive("pause", message(retained=True), Urgency.REFUSED)  # and is refused as retained
    assert released(probe, clock) == []
    # It comes again with the question about another command, and was refused already.
    assert not probe.receive("resume", message(b"", "classroom/room-1/cmd/resume"), Urgency.CLOSES)
    probe.release()
    assert not probe.receive("pause", message(retained=True), Urgency.REFUSED)
    assert released(probe, clock) == [b""]


def test_a_retained_copy_keeps_no_later_command_of_the_same_words_out(probe: RetainedProbe, clock: Clock) -> None:
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    assert probe.receive("pause", message(retained=True), Urgency.REFUSED)  # to be refused
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    assert not probe.receive("pause", message(retained=True), Urgency.REFUSED)  # the same comes with every question
    assert released(probe, clock) == [b"on"]


def test_a_pause_that_somebody_retains_takes_no_live_one_with_it(probe: RetainedProbe, clock: Clock) -> None:
    for _ in range(3):  # somebody retains it and clears it, again and again, while another sends it live
        assert not probe.receive("pause", message(), Urgency.CLOSES)
        assert not probe.receive("pause", message(), Urgency.CLOSES)
        probe.release()
        assert probe.receive("pause", message(retained=True), Urgency.REFUSED)  # to be refused
        assert not probe.receive("pause", message(b""), Urgency.OPENS)
        assert released(probe, clock) == [b"on"]


def test_retained_commands_of_made_up_names_keep_no_live_pause_out(probe: RetainedProbe, clock: Clock) -> None:
    for number in range(200):
        topic = f"classroom/room-1/cmd/x{number}"
        assert probe.receive(f"x{number}", message(topic=topic), Urgency.OTHER)  # to be refused at once
        assert not probe.receive(f"x{number}", message(topic=topic, retained=True), Urgency.OTHER)
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    assert probe.receive("pause", message(retained=True), Urgency.REFUSED)
    for _ in range(5):
        assert not probe.receive("pause", message(), Urgency.CLOSES)
        probe.release()
        assert not probe.receive("pause", message(retained=True), Urgency.REFUSED)
        assert released(probe, clock) == [b"on"]


def test_a_resume_that_somebody_retains_is_not_obeyed_in_doubt(probe: RetainedProbe, clock: Clock) -> None:
    for _ in range(2):
        assert not probe.receive("pause", message(b"off"), Urgency.OPENS)
    probe.release()
    assert probe.receive("pause", message(b"off", retained=True), Urgency.REFUSED)  # to be refused
    clock.now += HOLD
    assert probe.release() == [("pause", message(b"off", retained=True))]  # as this one, with an answer of its own


def test_clearing_is_no_command(probe: RetainedProbe, clock: Clock) -> None:
    assert probe.receive("pause", message(retained=True), Urgency.REFUSED)  # as at every start
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)
    assert released(probe, clock) == []
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)  # now it is one
    assert released(probe, clock) == [b""]


def test_where_messages_say_it_themselves_nobody_waits(clock: Clock) -> None:
    probe = RetainedProbe(REQUESTS, lambda: False, lambda: pytest.fail("asked"), lambda: True, clock)
    assert probe.receive("pause", message(), Urgency.CLOSES)
    for _ in range(2):
        assert probe.receive("pause", message(retained=True), Urgency.REFUSED)  # and is refused each time
    assert len(probe) == 0


def test_a_flood_is_bounded_and_pushes_no_pause_out(probe: RetainedProbe, clock: Clock) -> None:
    probe.receive("pause", message(b"mine"), Urgency.CLOSES)
    for _ in range(MOST_HELD):
        probe.receive("health", message(b"", "classroom/room-1/cmd/health"), Urgency.OTHER)
    with pytest.raises(queue.Full):
        probe.receive("health", message(b"", "classroom/room-1/cmd/health"), Urgency.OTHER)
    assert len(probe) == MOST_HELD + 1
    assert b"mine" in released(probe, clock)
    for number in range(3 * MOST_HELD):  # none is dropped: of those that are too many nobody asks
        at_once = probe.receive("pause", message(str(number).encode()), Urgency.CLOSES)
        assert at_once == (number >= MOST_HELD)
    assert released(probe, clock) == [str(number).encode() for number in range(MOST_HELD)]


def test_a_flood_of_what_is_refused_pushes_no_pause_out(probe: RetainedProbe, clock: Clock) -> None:
    probe.receive("pause", message(b"mine"), Urgency.CLOSES)
    for _ in range(3 * MOST_HELD):
        with contextlib.suppress(queue.Full):
            probe.receive("pause", message(b"off"), Urgency.OPENS)
            probe.receive("pause", message(b"junk"), Urgency.REFUSED)
    assert len(probe) == MOST_HELD
    assert released(probe, clock)[0] == b"mine"


def test_an_empty_pause_is_obeyed_where_something_is_retained(probe: RetainedProbe, clock: Clock) -> None:
    assert probe.receive("pause", message(b"x", retained=True), Urgency.REFUSED)  # as at every start
    for _ in range(3):
        assert not probe.receive("pause", message(b""), Urgency.CLOSES)
        probe.release()
        assert not probe.receive("pause", message(b"x", retained=True), Urgency.REFUSED)  # nobody has cleared it
        assert released(probe, clock) == [b""]


def test_of_two_that_are_empty_one_is_a_pause(probe: RetainedProbe, clock: Clock) -> None:
    assert probe.receive("pause", message(b"x", retained=True), Urgency.REFUSED)
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)
    probe.release()
    clock.now += HOLD / 2
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)  # somebody clears it meanwhile
    probe.release()
    clock.now += HOLD / 2
    assert probe.release() == [("pause", message(b""))]  # when the first was due
    clock.now += HOLD / 2
    assert probe.release() == []
    assert len(probe) == 0


def test_turns_of_what_is_retained_move_no_deadline(probe: RetainedProbe, clock: Clock) -> None:
    assert not probe.receive("pause", message(), Urgency.CLOSES)
    probe.release()
    for _ in range(4):
        clock.now += HOLD / 5
        assert not probe.receive("pause", message(b"x"), Urgency.REFUSED)
        assert probe.receive("pause", message(b"x", retained=True), Urgency.REFUSED)
        assert not probe.receive("pause", message(), Urgency.CLOSES)
        assert probe.release() == []
        assert probe.receive("pause", message(retained=True), Urgency.REFUSED)
    clock.now += HOLD / 5
    assert [incoming.payload for _, incoming in probe.release()] == [b"on"]


def test_what_was_retained_before_the_connection_broke_takes_no_pause_away(probe: RetainedProbe, clock: Clock) -> None:
    def over(attempt: int, payload: bytes, *, retained: bool = False) -> IncomingMessage:
        return replace(message(payload, retained=retained), receipt=Receipt(attempt, 1, 1))

    assert probe.receive("pause", over(1, b"x", retained=True), Urgency.REFUSED)
    assert not probe.receive("pause", over(2, b""), Urgency.CLOSES)  # x may have been cleared before
    assert released(probe, clock) == [b""]
    assert not probe.receive("pause", over(2, b"on"), Urgency.CLOSES)
    assert probe.receive("pause", over(3, b"on", retained=True), Urgency.REFUSED)  # may be retained by another
    assert released(probe, clock) == [b"on"]


def test_where_the_broker_does_not_answer_a_pause_is_obeyed_and_a_resume_refused(clock: Clock) -> None:
    probe = RetainedProbe(REQUESTS, lambda: True, lambda: None, lambda: False, clock)
    resume = "classroom/room-1/cmd/resume"
    for name, topic in (("pause", PAUSE), ("resume", resume)):
        assert probe.receive(name, message(b"x", topic, retained=True), Urgency.REFUSED)
    assert not probe.receive("resume", message(b"", resume), Urgency.OPENS)
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)
    probe.release()
    clock.now += HOLD
    refused = message(b"", resume, retained=True)  # with an answer
    assert probe.release() == [("resume", refused), ("pause", message(b""))]
    assert not probe.receive("pause", message(b""), Urgency.CLOSES)  # the first may have cleared it
    assert released(probe, clock) == [b""]


WORDS = (b"", b"on", b"{}", b"off", b"x")
TICK = 0.1  # seconds between two frames; the broker's answers take less
sent = st.tuples(st.sampled_from(WORDS), st.booleans())


@example([[(b"on", False)], *[[(b"x", True)], [(b"on", True)]] * 8], 0)
@example([[(b"x", True)], [], [], *[[(b"", False)], [(b"y", True)], [(b"x", True)]] * 4], 1)
@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(sent, max_size=3), max_size=25), st.integers(0, 3))
def test_each_live_pause_is_obeyed_soon_whatever_is_retained(ticks: list[list[tuple[bytes, bool]]], lag: int) -> None:
    """A broker of MQTT 3.1.1 whose answers come `lag` ticks late, in order."""
    clock = Clock()
    line: list[tuple[int, IncomingMessage]] = []  # to the device, and in which tick it arrives
    stored = b""
    tick = 0

    def ask() -> None:
        if stored:
            line.append((tick + lag, message(stored, retained=True)))

    probe = RetainedProbe(REQUESTS, lambda: True, ask, lambda: True, clock)
    live: list[float] = []
    obeyed: list[float] = []
    for tick, messages in enumerate([*ticks, *[[]] * 20]):
        clock.now = tick * TICK
        for payload, retain in messages:
            stored = payload if retain else stored
            line.append((tick + lag, message(payload)))
            if not retain and urgency_of("pause", message(payload)) is Urgency.CLOSES:
                live.append(clock.now)
        while line and line[0][0] <= tick:
            incoming = line.pop(0)[1]
            urgency = urgency_of("pause", incoming)
            if probe.receive("pause", incoming, urgency) and urgency is Urgency.CLOSES:
                obeyed.append(clock.now)
        obeyed += [clock.now for released in probe.release() if urgency_of(*released) is Urgency.CLOSES]
    bound = lag * TICK + HOLD + 2.5 * TICK
    for at in live:
        assert any(at <= done <= at + bound for done in obeyed)


def test_a_retained_copy_of_another_s_pause_has_it_obeyed_and_both_answered(probe: RetainedProbe, clock: Clock) -> None:
    replies: list[Reply] = []
    paused: list[Request] = []
    commands = CommandQueue(Topics("classroom", "room-1"), replies.append, probe=probe)
    for payload in (b"on", b'{"by": "Mrs Doe", "id": 7}', b""):
        replies.clear()
        commands.receive(message(payload))
        if payload:  # nothing cannot be retained
            commands.receive(message(payload))  # somebody retains the same
            commands.serve({"pause": paused.append})
        commands.receive(message(payload or b"on", retained=True))
        commands.serve({"pause": paused.append})
        clock.now += HOLD
        commands.serve({"pause": paused.append})
        answers = [json.loads(reply.payload)["status"] for reply in replies]
        assert answers == ["error", "ok"]
    assert len(paused) == 3
    assert not commands.waiting
