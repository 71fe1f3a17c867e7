"""Suppression: what is held back stays held back, whatever else is sent, asked for or subtracted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.aggregation.privacy import rounded, withheld, without_emotions, without_facing
from edge.aggregation.windows import NOBODY, Observation, People, Window, WindowAggregator
from edge.contract.payloads import FaceFigures, MeasuringMode, Withheld
from edge.contract.validation import faces_fit

SHORT = Withheld(what="figures", reason="short")
FEW_PEOPLE = Withheld(what="figures", reason="few_people")
FEW_NEAR = Withheld(what="emotions", reason="few_near")


def cut(*moments: dict[str, int], seconds: float = 10.0) -> Window:
    cutter = WindowAggregator(("happy", "sad"), 10.0, 0.0)
    for number, moment in enumerate(moments):
        cutter.add(Observation((number + 0.5) / 10, {"happy": 0, "sad": 0, "unknown": 0, **moment}, 0))
    return cutter.finish(seconds)[0]


def test_the_difference_that_the_mean_alone_would_give_away() -> None:
    # Ten happy people leave one behind. On average there were more than five, but the rest of the sum is that one.
    window = cut(*[{"happy": 10}] * 50, *[{"sad": 1}] * 50)
    assert window.mean == 5.5
    assert withheld(window, 5) == FEW_PEOPLE
    assert withheld(cut(*[{"happy": 10}] * 99, {"sad": 4}), 5) == FEW_PEOPLE


def test_an_empty_moment_is_about_nobody() -> None:
    window = cut(*[{"happy": 10}] * 80, *[{}] * 20)
    assert withheld(window, 5) is None
    assert withheld(cut(*[{}] * 100), 1) == FEW_PEOPLE
    assert withheld(cut({"happy": 5}, *[{}] * 99), 5) == FEW_PEOPLE


def test_a_window_that_was_cut_short_says_nothing() -> None:
    assert withheld(cut({"happy": 30}, seconds=0.9), 5) == SHORT
    assert withheld(cut({"happy": 30}, seconds=1.0), 5) is None


def test_a_short_window_does_not_tell_whether_there_were_few() -> None:
    assert withheld(cut({"happy": 1}, seconds=0.9), 5) == withheld(cut({"happy": 30}, seconds=0.9), 5)


def test_few_near_faces_among_many() -> None:
    cutter = WindowAggregator(("happy", "sad"), 10.0, 0.0)
    cutter.add(
        Observation(1.0, {"happy": 0, "sad": 1, "unknown": 24}, 24, np.array([[0.2, 0.8]], np.float32), eligible=1)
    )
    (window,) = cutter.finish(10.0)
    assert withheld(window, 5) == FEW_NEAR
    assert without_emotions(window).counts == {"unknown": 25}
    assert without_emotions(window).too_small == 24
    assert without_facing(window).too_small == 0
    assert window.tally is not None
    assert without_emotions(window).tally is None
    assert withheld(window, 1) is None


def near(*moments: tuple[int, int]) -> Window:
    """A window of moments with so many faces, of which so many are near."""
    cutter = WindowAggregator(("happy", "sad"), 10.0, 0.0)
    for number, (faces, close) in enumerate(moments):
        cutter.add(Observation(number, {"happy": close, "sad": 0, "unknown": faces - close}, faces - close))
    return cutter.finish(10.0)[0]


def test_emotions_are_judged_by_the_near_faces_in_every_frame_and_on_average() -> None:
    assert withheld(near((25, 5), (25, 5)), 5) is None
    assert withheld(near((25, 9), (25, 4)), 5) == FEW_NEAR
    # A frame without near faces is about none of them; a window of such frames is caught by the mean.
    assert withheld(near(*[(25, 10)] * 4, (25, 0)), 5) is None
    assert withheld(near((25, 10), *[(25, 0)] * 4), 5) == FEW_NEAR
    # No face is near: then no emotion was measured, and none of them is zero.
    assert withheld(near((25, 0)), 5) == FEW_NEAR
    assert withheld(near((25, 0)), 1) == FEW_NEAR


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 500), st.integers(1, 300))
def test_one_person_less_is_blurred_by_rounding_to_the_frames_of_a_window(
    happy: int, sad: int, frames: int, present: int
) -> None:
    """What config.yaml says of round_to: at least the frames of a window, and one person moves a count by one step."""
    present = min(present, frames)

    def seen(sad: int) -> Window:
        return Window(0, 10, frames, {"happy": happy, "sad": sad, "unknown": 0}, 0, 99, 0, 1.0, NOBODY, NOBODY)

    with_her, without = rounded(seen(sad + present), frames), rounded(seen(sad), frames)
    assert with_her.counts["sad"] - without.counts["sad"] in (0, frames)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 20), st.integers(2, 300), st.data())
def test_extremes_are_faces_in_a_frame_and_leave_open_what_rounding_hides(
    frames: int, lowest: int, spread: int, step: int, data: st.DataObject
) -> None:
    highest = lowest + spread
    faces = data.draw(st.integers(lowest * frames, highest * frames))
    window = Window(0, 10, frames, {"happy": faces, "unknown": 0}, lowest, highest, 0, 1.0, NOBODY, NOBODY)
    sent = rounded(window, step)
    assert sent.lowest <= min(lowest, sent.mean) <= max(highest, sent.mean) <= sent.highest
    figures = FaceFigures(total=sent.faces, mean=round(sent.mean, 2), min=sent.lowest, max=sent.highest)
    assert faces_fit(frames, figures)
    # The sum of all frames lies between that of as many of the fewest and of the most faces: no narrower than a step.
    assert (sent.highest - sent.lowest) * frames >= step
    # No coarser than that, either: a group at each end, where the rounded mean is not beyond them.
    group = -(-step // frames) + 1
    low, high = min(lowest, int(sent.mean)), max(highest, -int(-sent.mean // 1))
    assert low - sent.lowest < group
    assert sent.highest - high < group


def test_twenty_people_in_every_frame_are_not_0_to_50() -> None:
    def extremes(fewest: int, most: int) -> tuple[int, int]:
        frames = [fewest] * 25 + [most] * 25
        sent = rounded(cut(*({"happy": each} for each in frames)), 50)
        return sent.lowest, sent.highest

    assert extremes(20, 20) == extremes(20, 21) == extremes(21, 21) == (20, 21)
    assert extremes(19, 22) == (18, 23)


def seen(time: float, people: int, still: int) -> Observation:
    counts = {"happy": people + still, "sad": 0, "unknown": 0}
    return Observation(time, counts, 0, people=People(*[people] * 3), still=People(*[still] * 3))


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 8), st.sampled_from(["headcount", "facing", "emotions"]))
def test_faces_that_do_not_move_are_counted_and_withhold_as_if_they_were_not_there(
    people: int, still: int, min_faces: int, mode: MeasuringMode
) -> None:
    def window(faces: int, printed: int) -> Window:
        cutter = WindowAggregator(("happy", "sad"), 10.0, 0.0)
        for number in range(9):
            cutter.add(seen(number + 0.5, faces - printed, printed))
        return cutter.finish(10.0)[0]

    with_poster = window(people + still, still)
    assert with_poster.mean == people + still
    assert withheld(with_poster, min_faces, mode) == withheld(window(people, 0), min_faces, mode)


@pytest.mark.parametrize("mode", ["headcount", "facing", "emotions"])
def test_a_moment_with_nothing_but_faces_that_do_not_move_is_one_with_few_people(mode: MeasuringMode) -> None:
    def window(still: int) -> Window:
        cutter = WindowAggregator(("happy", "sad"), 10.0, 0.0)
        for number in range(9):
            cutter.add(seen(number + 0.5, 0 if number == 8 else 12, still))
        return cutter.finish(10.0)[0]

    assert withheld(window(1), 5, mode) == Withheld(what="figures", reason="few_people")
    assert withheld(window(0), 5, mode) is None  # a moment with nobody is about nobody
