"""A room that floods costs the others neither messages nor their turn."""

from __future__ import annotations

import threading
import time

from edge.mqtt import fair_queue
from edge.mqtt.fair_queue import FairQueue


def all_of(queue: FairQueue) -> list[tuple[str, bytes]]:
    found = []
    while (message := queue.get(0)) is not None:
        found.append(message)
    return found


def test_rooms_take_turns_and_keep_their_order() -> None:
    queue = FairQueue()
    for number in range(3):
        queue.put("a", "a/window", b"%d" % number)
    queue.put("b", "b/window", b"9")
    assert all_of(queue) == [("a/window", b"0"), ("b/window", b"9"), ("a/window", b"1"), ("a/window", b"2")]


def test_who_floods_loses_its_own() -> None:
    queue = FairQueue()
    for number in range(50_000):
        queue.put("flood", "flood/window", b"%d" % number)
    queue.put("quiet", "quiet/window", b"here")
    assert queue.lost == 50_000 - fair_queue.MOST_OF_ONE
    assert ("quiet/window", b"here") in [queue.get(0), queue.get(0)]


def test_of_how_a_room_is_now_the_newest_are_never_lost() -> None:
    queue = FairQueue()
    for number in range(5000):
        queue.put("flood", "flood/window", bytes(1000))
        queue.put("flood", "flood/state", b"%d" % number, newest=2)
    states = [payload for topic, payload in all_of(queue) if topic == "flood/state"]
    assert states == [b"4998", b"4999"]


def test_memory_is_bounded_however_many_names_are_made_up() -> None:
    queue = FairQueue()
    for number in range(5000):
        queue.put(f"room-{number}", "t", bytes(60_000))
    held = sum(len(payload) for _, payload in all_of(queue))
    assert held <= fair_queue.MOST_BYTES + 60_000
    assert queue.lost > 4000
    queue.put("room-1", "t", b"again")
    assert all_of(queue) == [("t", b"again")]


def test_whoever_waits_is_woken() -> None:
    queue = FairQueue()
    timer = threading.Timer(0.2, lambda: queue.put("a", "a/window", b"1"))
    began = time.monotonic()
    timer.start()
    assert queue.get(20) == ("a/window", b"1")
    assert 0.1 < time.monotonic() - began < 10
    assert queue.get(0.05) is None
