"""What there is time for: the plan, and what is counted whatever it says."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.rate_controller import SAMPLES, SLOWEST, Plan, RateController

COSTS = {"detect": 0.2, "follow": 0.02, "track": 0.001, "classify": 0.003}  # seconds, as on a slow board


def pace(
    faces: int = 50, budget: float = 1.0, processors: int = 1, detect_fps: float = 3, costs: dict[str, float] = COSTS
) -> RateController:
    found = RateController(budget, processors, detect_fps)
    for stage, seconds in [*costs.items()] * SAMPLES:
        found.record_stage(stage, seconds)
    found.record_faces(faces)
    return found


def seconds(plan: Plan, faces: int, costs: dict[str, float] = COSTS) -> float:
    """What a plan costs in a second."""
    each = plan.fps * costs["track"] + min(plan.fps * faces, plan.faces) * costs["classify"]
    return plan.detections * costs["detect"] + (plan.fps - plan.detections) * costs["follow"] + each


def test_nothing_is_left_out_where_there_is_time() -> None:
    assert pace(faces=10, costs={**COSTS, "detect": 0.05}).plan(5) == Plan(5, 5)
    assert RateController(0.05, 1, 3).plan(5) == Plan(5, 5)  # nothing is known yet


def test_detection_gives_way_first_then_classification_then_the_rate() -> None:
    searched = pace(faces=10).plan(5)
    assert searched.fps == 5
    assert 3 <= searched.detections < 5
    assert searched.faces == math.inf
    in_turn = pace(faces=30).plan(5)
    assert (in_turn.fps, in_turn.detections) == (5, 3)
    assert 30 <= in_turn.faces < 30 * 5
    slower = pace(faces=100).plan(5)
    assert SLOWEST < slower.fps < 5
    assert slower.faces == 100  # each of them once a second


@given(
    faces=st.integers(0, 100),
    wanted=st.floats(0.1, 30),
    budget=st.floats(0.05, 1),
    processors=st.integers(1, 8),
    costs=st.fixed_dictionaries({name: st.floats(1e-5, 0.5) for name in COSTS}),
)
def test_every_plan_is_within_the_limits_or_as_slow_as_it_gets(
    faces: int, wanted: float, budget: float, processors: int, costs: dict[str, float]
) -> None:
    plan = pace(faces, budget, processors, costs=costs).plan(wanted)
    assert 0 < plan.detections <= plan.fps <= wanted
    assert plan.faces >= 1
    assert plan.fps >= min(SLOWEST, wanted)
    if plan.fps > min(SLOWEST, wanted):
        assert seconds(plan, faces, costs) <= budget * processors + 1e-9
        assert plan.faces >= faces


@pytest.mark.parametrize(("budget", "processors"), [(0.5, 1), (0.1, 2), (0.1, 4)])
def test_a_budget_is_kept_though_capturing_and_a_busy_machine_are_in_nobodys_books(
    budget: float, processors: int
) -> None:
    """A machine that is simulated: stages take twice as long by the clock, and the camera takes a tenth of a core."""
    by_the_clock = {name: 2 * each for name, each in COSTS.items()}
    planner, used, rates = pace(40, budget, processors, costs=by_the_clock), 0.0, []
    for _ in range(120):
        planner.record_cpu_time(used)
        plan = planner.plan(10)
        took = seconds(plan, 40)
        planner.record_stage("other", 2 * took, 0)
        used += took + 0.1 * budget * processors
        rates.append(took + 0.1 * budget * processors)
    assert rates[-1] == pytest.approx(budget * processors, rel=0.15)
    assert max(abs(a - b) for a, b in pairwise(rates[60:])) < 0.05 * budget * processors


def test_hours_without_a_camera_teach_nothing() -> None:
    planner, used = pace(10, costs={**COSTS, "detect": 0.05}), 0.0
    for second in range(4000):
        if not 20 < second < 3980:
            planner.record_stage("other", 0.3, 0)
            used += 0.3
        used += 0.02  # MQTT, the disk, and a camera that is tried again
        planner.record_cpu_time(used)
        assert planner.plan(5) == Plan(5, 5)


def test_nobody_is_tracked_where_detecting_is_cheaper() -> None:
    plan = pace(faces=60, costs={"detect": 0.02, "follow": 0.03, "classify": 0.01}).plan(5)
    assert plan.detections == plan.fps


@pytest.mark.parametrize("faces", [0, 1, 4, 50])
def test_people_who_are_forgotten_are_in_no_plan(faces: int) -> None:
    costs = {**COSTS, "classify": 0.003 + 0.02 / max(faces, 1)}  # a batch costs something, too
    planner, nobody = pace(faces, costs=costs), pace(0, costs={"detect": COSTS["detect"]})
    planner.forget_people()
    assert [planner.plan(fps) for fps in (2, 5, 30)] == [nobody.plan(fps) for fps in (2, 5, 30)]


def test_faces_are_detected_once_a_second_whatever_is_asked_for() -> None:
    assert pace(faces=60, detect_fps=0.1).plan(5).detections == pace(faces=60, detect_fps=1).plan(5).detections == 1


def test_two_processors_do_two_things_at_once() -> None:
    one, two = pace(faces=40).plan(5), pace(faces=40, processors=2).plan(5)
    assert one.detections == 3
    assert two.detections == pytest.approx(4.5, abs=0.01)
    assert not pace(budget=0.5, processors=2).overlaps
