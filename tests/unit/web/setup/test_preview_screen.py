"""Where those who watch meet the thread that takes the pictures: no picture of what is not wanted any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from edge.config.schema import Config
from edge.errors import CameraError
from edge.web.setup.preview_screen import Screen, View
from tests.support.brokers import wait_for

ROOM, OTHER = View(Config(), "sample"), View(Config(), "sample:3")
SIZE = {"size": [1280, 720]}


def follow(screen: Screen) -> None:
    """As the thread does."""
    wanted, _ = screen.wanted()
    assert wanted is not None
    screen.turn(wanted)
    screen.begin(wanted)


def test_a_picture_taken_before_another_camera_was_wanted_is_not_shown() -> None:
    screen = Screen(ROOM)
    assert screen.put(SIZE, b"before")
    screen.show(OTHER)
    assert screen.source == "sample:3"
    assert screen.size is None
    assert not screen.put(SIZE, b"late")
    assert screen.newest(0, 0) == (None, "")
    follow(screen)
    assert screen.put(SIZE, b"new")
    shot, _ = screen.newest(1, 0)
    assert shot is not None
    assert (shot.number, shot.jpeg) == (2, b"new")


def test_the_same_again_is_opened_only_by_who_waits_for_it() -> None:
    screen = Screen(ROOM)
    screen.show(ROOM)
    assert screen.wanted() == (None, False)
    with pytest.raises(CameraError, match="no picture came in 0 s"):
        screen.show_now(ROOM, 0)
    assert screen.wanted() == (ROOM, True)
    assert screen.wanted() == (ROOM, False)


def test_who_waits_is_told_the_size_or_what_is_wrong_or_that_another_was_faster() -> None:
    screen = Screen(ROOM)
    with ThreadPoolExecutor() as pool:
        size = pool.submit(screen.show_now, OTHER, 60)
        wait_for(lambda: screen.source == "sample:3", 60, "the question")
        follow(screen)
        screen.put(SIZE, b"")
        assert size.result(60) == (1280, 720)

        failed = pool.submit(screen.show_now, ROOM, 60)
        wait_for(lambda: screen.source == "sample", 60, "the question")
        follow(screen)
        assert screen.clear("it is broken")
        assert not screen.clear("it is broken")
        with pytest.raises(CameraError, match="it is broken"):
            failed.result(60)

        late = pool.submit(screen.show_now, View(Config(), "usb:1"), 60)
        wait_for(lambda: screen.source == "usb:1", 60, "the question")
        screen.show(OTHER)
        follow(screen)
        with pytest.raises(CameraError, match="another camera"):
            late.result(60)


def test_in_the_end_nobody_waits() -> None:
    screen = Screen(ROOM)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(screen.newest, 0, 600)
        screen.stop()
        assert asked.result(60) == (None, "")
        screen.wait_for_viewer()
