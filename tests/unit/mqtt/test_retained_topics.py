"""What a wildcard subscriber has to ask for by name."""

from __future__ import annotations

from edge.mqtt.retained_topics import MAX_DEVICES, RetainedTopics


def test_a_device_that_is_known_by_its_windows_alone_is_asked_for_once_per_connection() -> None:
    topics = RetainedTopics("classroom", ("state", "availability"))
    wanted = ["classroom/room-1/state", "classroom/room-1/availability"]
    assert topics.missing("classroom/room-1/window", retained=False) == wanted
    assert topics.missing("classroom/room-1/window", retained=False) == []
    topics.clear()
    assert topics.missing("classroom/room-1/window", retained=False) == wanted


def test_a_device_of_which_something_retained_came_is_not() -> None:
    topics = RetainedTopics("classroom", ("state", "availability"))
    assert topics.missing("classroom/room-1/state", retained=True) == []
    assert topics.missing("classroom/room-1/window", retained=False) == []


def test_what_a_device_says_just_now_tells_nothing_of_what_is_retained() -> None:
    topics = RetainedTopics("classroom", ("state", "health"))
    assert topics.missing("classroom/room-1/health", retained=False) == []
    assert len(topics.missing("classroom/room-1/window", retained=False)) == 2


def test_what_is_no_window_of_ours_is_ignored() -> None:
    topics = RetainedTopics("classroom", ("state",))
    for topic in ("other/room-1/window", "classroom", "classroom/room-1", "classroom/room-1/cmd/window", ""):
        assert topics.missing(topic, retained=False) == []


def test_somebody_who_invents_devices_fills_no_memory() -> None:
    topics = RetainedTopics("classroom", ("state",))
    asked = [topics.missing(f"classroom/{number}/window", retained=False) for number in range(2 * MAX_DEVICES)]
    assert sum(map(len, asked)) == MAX_DEVICES
