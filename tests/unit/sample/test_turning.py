"""Heads of the drawn room that turn aside: their rhythm, their truth, what the frame shows, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from edge.sample.portraits import Portrait, read_portraits
from edge.sample.rhythm import Rhythm
from edge.sample.scene import Person, Scene
from edge.sample.sprites import Chance, Sprite, seated
from edge.sample.turned_head import turned
from edge.vision.face_detector import FaceDetector

TICK = 0.1  # seconds


@pytest.fixture(scope="module")
def portraits() -> tuple[Portrait, ...]:
    return read_portraits()


@pytest.fixture(scope="module")
def room(portraits: tuple[Portrait, ...]) -> Scene:
    return Scene(portraits, faces=25)


def spells(rhythm: Rhythm, seconds: float) -> list[tuple[float, float]]:
    """From when to when somebody looks aside, whole spells only."""
    states = [(tick * TICK, rhythm.aside(tick * TICK) >= 0.5) for tick in range(int(seconds / TICK))]
    changes = [(now, there) for (_, before), (now, there) in pairwise(states) if there != before]
    if changes and not changes[0][1]:
        del changes[0]
    return [(start, end) for (start, _), (end, _) in zip(changes[::2], changes[1::2], strict=False)]


@pytest.mark.parametrize("able", [0.2, 0.8, 1.0])
@pytest.mark.parametrize("rank", [0, 1, 7, 99])
def test_people_look_aside_for_4_to_10_of_every_20_to_60_seconds(rank: int, able: float) -> None:
    found = spells(Rhythm.of(rank, able), 600.0)
    assert len(found) >= 600 / 60 - 1
    assert all(3.8 <= end - start <= 10.2 for start, end in found)
    assert all(15.0 <= later - start <= 65.0 for (start, _), (later, _) in pairwise(found))
    assert len({round(end - start, 1) for start, end in found}) > 5  # no metronome


def test_a_turn_is_short_and_has_no_jump() -> None:
    rhythm = Rhythm.of(3, 1.0)
    steps = [rhythm.aside(0.01 * tick) for tick in range(12000)]
    assert min(steps) == 0.0
    assert max(steps) == 1.0
    assert max(abs(after - before) for before, after in pairwise(steps)) <= 0.03
    assert sum(0.0 < step < 1.0 for step in steps) < 0.05 * len(steps)


@pytest.mark.parametrize("faces", [25, 40, 100])
def test_at_any_time_some_of_the_faces_are_aside(portraits: tuple[Portrait, ...], faces: int) -> None:
    scene = Scene(portraits, faces=faces)
    shares = [np.mean([not person.front for person in scene.truth(1.5 * tick)]) for tick in range(400)]
    assert 0.15 <= np.mean(shares) <= 0.3
    assert np.quantile(shares, 0.05) >= 0.12
    assert np.quantile(shares, 0.95) <= 0.32


def test_turning_is_a_pure_function_of_the_time(portraits: tuple[Portrait, ...], room: Scene) -> None:
    again = Scene(portraits, faces=25)
    times = [0.0, 12.3, 450.0, 90000.0]
    seen = [(room.truth(t), room.render(t)) for t in times]
    for t, (truth, frame) in reversed(list(zip(times, seen, strict=True))):
        assert again.truth(t) == truth
        assert np.array_equal(again.render(t), frame)


def test_turning_changes_neither_who_is_there_nor_how_they_look_from_the_front(
    portraits: tuple[Portrait, ...], room: Scene
) -> None:
    still = Scene(portraits, faces=25, turning=False)
    for t in np.arange(0.0, 120.0, 3.1):
        people, fixed = room.truth(float(t)), still.truth(float(t))
        assert all(person.front for person in fixed)
        assert [person.emotion for person in people] == [person.emotion for person in fixed]
        assert [a for a, _ in zip(people, fixed, strict=True) if a.front] == [
            b for a, b in zip(people, fixed, strict=True) if a.front
        ]


def test_the_frame_shows_the_turned_head_and_half_way_a_mixture(portraits: tuple[Portrait, ...]) -> None:
    hopper = (portraits[1],)
    scene, still = Scene(hopper, faces=1), Scene(hopper, faces=1, turning=False)
    aside: dict[bool, list[float]] = {True: [], False: []}
    for tick in range(600):
        t = 0.1 * tick
        people = scene.truth(t)
        if not people:
            continue
        difference = float(cv2.absdiff(scene.render(t), still.render(t)).max())
        aside[people[0].front].append(difference)
    same = min(aside[True]) == 0.0
    other = max(aside[False]) > 100.0
    mixed = any(0.0 < difference < max(aside[False]) for difference in aside[True])
    assert same
    assert other
    assert mixed
    assert min(aside[False]) > 50.0  # at least half turned whenever the truth says so


def test_a_portrait_that_cannot_turn_never_does(portraits: tuple[Portrait, ...]) -> None:
    scene = Scene([replace(portrait, aside=None) for portrait in portraits], faces=25)
    assert all(person.front for t in range(60) for person in scene.truth(float(t)))


@pytest.mark.parametrize("which", [0, 1])
def test_a_turned_head_keeps_its_place_and_shows_no_old_background(portraits: tuple[Portrait, ...], which: int) -> None:
    portrait = portraits[which]
    assert portrait.aside is not None
    head = np.zeros(portrait.image.shape[:2], np.uint8)
    cv2.fillPoly(head, [portrait.outline.astype(np.int32)], (1,))
    image = np.where(head[:, :, None] > 0, portrait.image, (0, 255, 0))
    view = turned(replace(portrait, image=image.astype(np.uint8)), portrait.aside)
    shown = np.zeros_like(head)
    cv2.fillPoly(shown, [view.outline.astype(np.int32)], (1,))
    blue, level, red = (view.image[shown > 0][:, channel].astype(int) for channel in range(3))
    assert np.mean((level > blue + 100) & (level > red + 100)) < 0.005
    assert view.face == portrait.face
    assert 0.8 * head.sum() < shown.sum() < 1.5 * head.sum()


def bytes_of(sprite: Sprite) -> tuple[int, int]:
    patch = sprite.aside
    more = 0 if patch is None else patch.light.nbytes + patch.mask.nbytes
    return sprite.light.nbytes + sprite.mask.nbytes, more


def test_the_other_view_costs_less_than_the_person(portraits: tuple[Portrait, ...]) -> None:
    for portrait in portraits:
        assert portrait.aside is not None
        whole, patch = bytes_of(
            seated(portrait, 60.0, Chance.of(60.0, np.random.default_rng(1)), turned(portrait, portrait.aside))
        )
        assert 0 < patch < 0.65 * whole


def overlap(one: Person, box: tuple[float, float, float, float]) -> float:
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, box
    width = max(0.0, min(ax + aw, bx + bw) - max(ax, bx))
    height = max(0.0, min(ay + ah, by + bh) - max(ay, by))
    return width * height / (aw * ah + bw * bh - width * height)


def test_the_detector_finds_turned_faces_where_the_truth_says(room: Scene) -> None:
    detector = FaceDetector.load()
    near, away, errors = 0, 0, []
    for t in np.arange(1.0, 60.0, 2.9):
        boxes = [tuple(box) for box in detector.detect(room.render(float(t))).boxes.tolist()]
        truth = room.truth(float(t))
        errors.append(abs(len(boxes) - len(truth)))
        for person in truth:
            if not person.front:
                away += 1
                near += any(overlap(person, (x, y, w, h)) >= 0.5 for x, y, w, h in boxes)
    assert away > 50
    assert near >= 0.93 * away  # the others are half-way
    assert np.mean(errors) <= 0.2
