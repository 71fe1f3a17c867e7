"""Suppression through the whole pipeline: what is held back stays held back, whatever else is sent or subtracted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.aggregation.prevalence import Estimator
from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.contract.payloads import WindowBody, Withheld
from edge.daemon.metrics import Meter
from edge.daemon.pipeline import Pipeline
from edge.model_files.calibration import find_calibration
from edge.model_files.cards import EmotionCard, emotion_card_path, read_card
from edge.timing.clock import Timestamps
from edge.vision.face_detector import Detections
from edge.vision.model_set import ModelChoice, ModelSet
from edge.vision.still_faces import LONG, StillFaces
from tests.support.slow_board import SlowBoard

CARD = read_card(emotion_card_path("emotions.json"), EmotionCard)
LABELS = CARD.output("ferplus").labels
SHORT = Withheld(what="figures", reason="short")
FEW_PEOPLE = Withheld(what="figures", reason="few_people")
FEW_NEAR = Withheld(what="emotions", reason="few_near")
CALIBRATION = find_calibration(emotion_card_path("emotions.json"), CARD, "ferplus")[0]
assert CALIBRATION is not None
ESTIMATOR = Estimator(CALIBRATION)
MIN_FACES, FPS, SECONDS = 5, 5, 2.0
WALL = np.random.default_rng(1).integers(0, 255, (40, 480, 3), np.uint8)  # optical flow finds everything again
boards = st.sampled_from([None, 0.2, 0.95])  # fast; faces in turn, at five frames a second; at one
stills = st.sampled_from([None, 3.0])  # seconds after which faces are no people, who all sit still here; None: never

Person = tuple[int, bool]  # which emotion, and whether near enough for it
Moment = tuple[Person, ...]

people = st.tuples(st.integers(0, len(LABELS) - 1), st.booleans())
few = st.lists(people, max_size=MIN_FACES - 1).map(tuple)
many = st.lists(people, min_size=MIN_FACES, max_size=12).map(tuple)
# A room in which little changes from one moment to the next, as in life: groups that stay for a while.
stretches = st.lists(st.tuples(st.one_of(few, many), st.integers(1, 12)), min_size=1, max_size=8)
films = stretches.map(lambda parts: [moment for moment, length in parts for _ in range(length)])


class Eyes:
    """Detector and classifier that see what the film says; the first pixel is the number of the moment."""

    card = SimpleNamespace(identity="m@000000000000")
    labels = LABELS

    def __init__(self, film: list[Moment]) -> None:
        self.film = film
        self.now: Moment = ()

    def detect(self, image: NDArray[np.uint8]) -> Any:
        self.now = self.film[int(image[0, 0, 0])]
        rows = [[40.0 * seat, 5.0, 30.0, 30.0 if near else 12.0] for seat, (_, near) in enumerate(self.now)]
        return Detections(np.array(rows, np.float32).reshape(-1, 4), np.ones(len(rows), np.float32))

    def classify(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: object = None
    ) -> NDArray[np.float32]:
        said = np.full((len(boxes), len(LABELS)), 0.1 / (len(LABELS) - 1), np.float32)
        for row, box in zip(said, boxes, strict=True):
            row[self.now[round(box[0] / 40)][0]] = 0.9
        return said


class FrankMeter(Meter):
    """Stages take as long as there are people, to the microsecond: the worst that a stopwatch could tell."""

    eyes: Eyes

    def record_stage(self, name: str, seconds: float) -> None:
        super().record_stage(name, float(len(self.eyes.now)))


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return datetime(2026, 10, 4, tzinfo=timezone.utc) + timedelta(seconds=self.now)


def show(
    film: list[Moment], cuts: tuple[int, ...] = (), slow: float | None = None, long: float | None = None, **policy: Any
) -> tuple[list[WindowBody], Any, list[tuple[int, int]]]:
    """What leaves the room when it sees this film: windows, health, and which moments each window covers.

    The daemon begins another window at every moment named in `cuts`, as a pause or a command makes it. `slow`: seconds
    of a detection on a board that has no time for all; faces are then classified in turn, and tracked in between.
    `long`: seconds after which faces that do not move are no people; None: nobody asks.
    """
    with patch("edge.vision.still_faces.LONG", long or LONG):
        return _show(film, cuts, slow, StillFaces() if long else None, policy)


def _show(
    film: list[Moment], cuts: tuple[int, ...], slow: float | None, still: StillFaces | None, policy: dict[str, Any]
) -> tuple[list[WindowBody], Any, list[tuple[int, int]]]:
    config = Config.model_validate({"window": {"seconds": SECONDS}, "privacy": {"min_faces": MIN_FACES, **policy}})
    eyes, clock = Eyes(film), Clock()
    meter = FrankMeter(0.0)
    meter.eyes = eyes
    models = ModelSet(ModelChoice(1280, 1, None), cast("Any", eyes), cast("Any", eyes), ESTIMATOR)
    stamps = Timestamps(clock)

    def begin(moment: int) -> Pipeline:
        rate = None if slow is None else SlowBoard(slow)
        return Pipeline(config, models, meter, stamps, moment / FPS, rate=rate, still=still)

    observer = begin(0)
    sent: list[WindowBody] = []
    for number in range(len(film)):
        clock.now = (number + 0.5) / FPS
        if number in cuts:
            sent += observer.finish(number / FPS)
            observer = begin(number)
        if slow is not None:
            observer.update_plan(FPS, clock.now)
        image = WALL.copy()
        image[0, 0] = number
        sent += observer.observe(Frame(image, clock.now))
    clock.now = len(film) / FPS
    sent += observer.finish(clock.now)
    spans, first = [], 0
    for window in sent:
        spans.append((first, first + window.frames))
        first += window.frames
    assert first == len(film)
    return sent, meter.read(clock.now), spans


# Few sit there, as many as they may be, and twelve come as the window ends.
ONE_LEAVES_TWELVE_COME = [*[((0, True),)] * 10, *[((3, True),) * 12] * 10]


@given(films, films, st.sets(st.integers(1, 90)), st.sampled_from([1, 3]), boards, st.sampled_from([None, LONG]))
@example(ONE_LEAVES_TWELVE_COME, [((0, True),) * 4], set(), 1, 0.95, None)
@example(ONE_LEAVES_TWELVE_COME, [((0, True),) * 4], set(), 1, 0.95, LONG)
@settings(max_examples=300)
def test_nothing_that_is_sent_depends_on_who_was_in_a_withheld_window(
    film: list[Moment], other: list[Moment], cuts: set[int], round_to: int, board: float | None, long: float | None
) -> None:
    """No face is still for ten minutes in a film: from then on its place decides what of later windows is withheld."""
    where = tuple(sorted(cuts))
    sent, health, spans = show(film, where, board, long, round_to=round_to)
    # Another world, in which other people sat there while the figures were held back.
    changed = list(film)
    for window, (first, end) in zip(sent, spans, strict=True):
        if window.withheld in (SHORT, FEW_PEOPLE):
            changed[first:end] = [other[number % len(other)] for number in range(first, end)]
    assume(changed != film)
    in_the_other, health_there, _ = show(changed, where, board, long, round_to=round_to)
    assume([window.withheld for window in in_the_other] == [window.withheld for window in sent])
    assert [window.to_json() for window in in_the_other] == [window.to_json() for window in sent]
    assert health_there == health


# Four are near, and leave as the window ends and six others come near. A face counts for a moment after it was last
# seen: the four, and their emotions, must not do so in the next window.
FOUR_LEAVE_SIX_COME = [
    *[((0, False),) * 6 + ((0, True),) * 4] * 10,
    *[((3, True),) * 6] * 10,
]


@given(films, st.sets(st.integers(1, 90)), st.sampled_from([1, 3]), st.integers(1, len(LABELS) - 1), boards, stills)
@example(FOUR_LEAVE_SIX_COME, set(), 1, 1, None, None)
@example(FOUR_LEAVE_SIX_COME, set(), 1, 1, 0.95, 3.0)
@settings(max_examples=200)
def test_nothing_that_is_sent_depends_on_the_emotions_of_a_few_near_faces(
    film: list[Moment], cuts: set[int], round_to: int, other: int, board: float | None, long: float | None
) -> None:
    where = tuple(sorted(cuts))
    sent, health, spans = show(film, where, board, long, round_to=round_to)
    changed = list(film)
    for window, (first, end) in zip(sent, spans, strict=True):
        if window.withheld == FEW_NEAR:
            changed[first:end] = [
                tuple(((emotion + other) % len(LABELS), near) for emotion, near in moment) for moment in film[first:end]
            ]
    assume(changed != film)
    in_the_other, health_there, _ = show(changed, where, board, long, round_to=round_to)
    assert [window.to_json() for window in in_the_other] == [window.to_json() for window in sent]
    assert health_there == health


@given(films, st.sets(st.integers(1, 90)), st.sampled_from([1, 2, 3, 7, 40]))
@settings(max_examples=300)
def test_all_sums_hold_and_what_is_withheld_is_null(film: list[Moment], cuts: set[int], round_to: int) -> None:
    for window in show(film, tuple(sorted(cuts)), round_to=round_to)[0]:
        WindowBody.model_validate_json(window.to_json(), strict=True)
        emotions = (window.counts, window.unclassified, window.people)
        assert {figure is None for figure in emotions} == {window.withheld is not None}
        assert (window.facing, window.model.pose) == (None, None)  # nothing measures poses yet
        if window.withheld is not None:
            assert (window.estimate, window.estimate_absent) == (None, None)
            figures = set(window.faces.model_dump().values())
            assert (figures == {None}) == (window.withheld.what == "figures")
            assert (None in figures) == (window.withheld.what == "figures")
            continue
        assert window.counts is not None
        assert window.unclassified is not None
        assert sum(window.counts.values()) == window.faces.total
        unclassified = window.unclassified
        assert unclassified.too_small + unclassified.unclear == window.counts["unknown"]
        assert unclassified.away is None
        leaves = [*window.counts.values(), unclassified.too_small, unclassified.unclear]
        assert all(leaf % round_to == 0 for leaf in leaves)
        assert (window.estimate is None) == (window.estimate_absent is not None)


# The one who stays has not moved for so long that nobody counts him: a poster, or somebody asleep.
SIX_COME_AND_LEAVE = [*[((0, True),)] * 6, *[((0, False),) * 6] * 7, *[((0, True),)] * 3]


@given(films, st.sets(st.integers(1, 90)), stills)
@example(SIX_COME_AND_LEAVE, set(), 3.0)
@settings(max_examples=200)
def test_no_figure_covers_a_moment_with_few_people(film: list[Moment], cuts: set[int], long: float | None) -> None:
    # Then no sum and no difference of windows does, either: every moment is in exactly one window.
    for window, (first, end) in zip(*show(film, tuple(sorted(cuts)), long=long)[::2], strict=True):
        if window.withheld is not None and window.withheld.what == "figures":
            figures = (window.counts, window.unclassified, window.people, window.estimate, window.facing)
            assert set(figures) == {None}
            assert set(window.faces.model_dump().values()) == {None}
            continue
        assert window.window.seconds >= 0.999
        # A face counts for a second after it was last seen, so only who came is certain: never too few were counted.
        assert (window.faces.min or MIN_FACES) >= MIN_FACES
        assert window.faces.mean is not None
        assert window.faces.mean >= MIN_FACES
        assert any(len(moment) >= MIN_FACES for moment in film[first:end])


@given(films, st.sets(st.integers(1, 90)))
@settings(max_examples=200)
def test_emotions_are_never_those_of_a_few_who_sit_near(film: list[Moment], cuts: set[int]) -> None:
    for window, (first, end) in zip(*show(film, tuple(sorted(cuts)))[::2], strict=True):
        if window.counts is None:
            assert window.estimate is None
            continue
        near = [sum(is_near for _, is_near in moment) for moment in film[first:end]]
        assert max(near) >= MIN_FACES
        assert window.unclassified is not None
        assert window.faces.total is not None
        assert (window.faces.total - window.unclassified.too_small) / window.frames >= MIN_FACES
