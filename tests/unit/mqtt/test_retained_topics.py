"""What a wildcard subscriber has to ask for by name."""

from __future__ import annotations

import pytest

from edge.mqtt.retained_topics import MAX_DEVICES, RetainedTopics
from edge.mqtt.subscription import ALERT_TOPICS, RETAINED


def test_a_device_that_is_known_by_its_windows_alone_is_asked_for_once_per_connection() -> None:
    topics = RetainedTopics("classroom", ("state", "availability"))
    wanted = ["classroom/room-1/state", "classroom/room-1/availability"]
    assert topics.missing("classroom/room-1/window") == wanted
    assert topics.missing("classroom/room-1/window") == []
    topics.clear()
    assert topics.missing("classroom/room-1/window") == wanted


def test_a_device_of_which_all_that_is_retained_came_is_not() -> None:
    topics = RetainedTopics("classroom", RETAINED)
    for name in ("info", "availability", "state", "window"):
        assert topics.missing(f"classroom/room-1/{name}") == []


@pytest.mark.parametrize("live", [[name] for name in RETAINED] + [["state", "health", "latest", *ALERT_TOPICS]])
def test_what_a_device_says_just_now_does_not_make_it_known(live: list[str]) -> None:
    topics = RetainedTopics("classroom", RETAINED)
    for name in live:
        assert topics.missing(f"classroom/room-1/{name}") == []
    assert topics.missing("classroom/room-1/window") == [f"classroom/room-1/{name}" for name in RETAINED]
    for name in (*live, "window"):
        assert topics.missing(f"classroom/room-1/{name}") == []


def test_what_is_no_window_of_ours_is_ignored() -> None:
    topics = RetainedTopics("classroom", ("state",))
    for topic in ("other/room-1/window", "classroom", "classroom/room-1", "classroom/room-1/cmd/window", ""):
        assert topics.missing(topic) == []


def test_somebody_who_invents_devices_fills_no_memory() -> None:
    topics = RetainedTopics("classroom", ("state",))
    asked = [topics.missing(f"classroom/{number}/window") for number in range(2 * MAX_DEVICES)]
    assert sum(map(len, asked)) == MAX_DEVICES
