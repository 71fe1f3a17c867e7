"""Home Assistant as a part of its own: what it announces, when, and that it ends."""

from __future__ import annotations

import time

from edge.daemon.home_assistant_announcer import HomeAssistantAnnouncer
from edge.mqtt.properties import IncomingMessage
from tests.support.brokers import wait_for
from tests.support.publishing import INFO, TOPICS


def birth(payload: bytes = b"online", topic: str = "homeassistant/status") -> IncomingMessage:
    return IncomingMessage(topic, payload, False, None, None)


def part(spread: float = 0.05) -> tuple[HomeAssistantAnnouncer, list[tuple[str, bytes]]]:
    sent: list[tuple[str, bytes]] = []
    return HomeAssistantAnnouncer(
        "homeassistant", TOPICS, lambda topic, payload: sent.append((topic, payload)), spread
    ), sent


def test_it_announces_at_the_start_and_when_the_device_has_changed() -> None:
    home, sent = part()
    home.start(INFO)
    home.update(INFO.model_copy(update={"labels": []}))
    first, second = sent
    assert first[0] == second[0]
    assert first[0].startswith("homeassistant/device/")
    assert first[1] != second[1]


def test_a_birth_is_answered_once_after_a_while_and_nothing_else_is() -> None:
    home, sent = part(spread=0.3)
    home.start(INFO)
    assert not home.receive(birth(topic="homeassistant/other"))
    assert home.receive(birth(b"offline"))
    time.sleep(0.4)
    assert len(sent) == 1
    for _ in range(5):
        assert home.receive(birth())
    wait_for(lambda: len(sent) == 2, 5)
    time.sleep(0.4)
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_rooms_do_not_answer_all_at_once() -> None:
    homes = [part(spread=0.6) for _ in range(30)]
    for home, _ in homes:
        home.start(INFO)
    began = time.monotonic()
    answered: list[float] = []
    for home, _ in homes:
        home.receive(birth())
    while len(answered) < len(homes) and time.monotonic() < began + 5:
        answered += [time.monotonic() - began for _, sent in homes if len(sent) == 2][len(answered) :]
        time.sleep(0.01)
    assert max(answered) - min(answered) > 0.2


def test_nothing_is_announced_once_it_has_stopped_or_before_it_has_started() -> None:
    home, sent = part()
    home.receive(birth())
    time.sleep(0.15)
    assert sent == []
    home.start(INFO)
    home.receive(birth())
    home.stop()
    home.update(INFO)
    home.receive(birth())
    time.sleep(0.2)
    assert len(sent) == 1
