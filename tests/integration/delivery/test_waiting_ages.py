"""A publisher on a board that was off, of which the clock was not set at first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.timing.elapsed import TimePoint
from tests.support.brokers import Subscriber, free_port, wait_for
from tests.support.outboxes import alert
from tests.support.publishing import window

Open = Callable[..., Publisher]
NOW = 1.79e9
HOUR = 3600.0


def stored(path: Path, *ages: float) -> Outbox:
    """Three windows for each of these ages, in seconds: one of a clock that was not set yet, and two others."""
    for number, age in enumerate(ages):
        for place, synced in enumerate([False, True, True]):
            then = TimePoint(f"start {number}", 20.0 + 10 * place, NOW - age, synced)
            outbox = Outbox(path, now=lambda then=then: then)  # type: ignore[misc]
            outbox.start()
            outbox.put(window().to_json().decode(), "edge.window/2")
            outbox.stop()
    return Outbox(path, now=lambda: TimePoint("now", 60.0, NOW, synced=True))


def test_what_waited_too_long_is_not_sent_after_nights_without_power(
    broker: int, tmp_path: Path, opened: Open, subscribe: Callable[..., Subscriber]
) -> None:
    subscriber = subscribe(broker)
    publisher = opened(broker, stored(tmp_path / "o", 50 * HOUR, 2 * HOUR, 0.5 * HOUR))  # an hour is allowed
    publisher.publish_window(window())
    messages = subscriber.wait("window", 4)
    assert sorted(message.json()["seq"] for message in messages) == [7, 8, 9, 10]
    late = {message.json()["seq"]: message.expiry or 0 for message in messages}
    assert all(0 < late[seq] <= HOUR / 2 for seq in (7, 8, 9)), "what tells no age is as old as the next that does"
    assert alert(subscriber, "outbox")["lost"] == 6


def test_how_long_the_oldest_has_waited_is_told_by_those_behind_it(tmp_path: Path, opened: Open) -> None:
    publisher = opened(free_port(), stored(tmp_path / "o", 0.5 * HOUR))
    wait_for(lambda: publisher.oldest_age is not None, 30)
    assert publisher.oldest_age == HOUR / 2
    assert publisher.depth == 3
