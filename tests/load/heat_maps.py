"""How many maps of simulated weeks have a coloured cell, and whether real differences have; docs/statistics.md.

python -m tests.load.heat_maps                     half an hour on one core
python -m tests.load.heat_maps --weeks 10

A week is twenty lessons of a room that differ by the day only, each of them through the daemon's own aggregation and
estimate. Exit status 1 where more than one map in twenty is coloured and nothing but chance made it so, beyond what
chance makes of that many weeks.
"""

from __future__ import annotations

import argparse
import random
import sys

from edge.reporting.heat_map import Measured, heat_map
from edge.reporting.lesson_comparison import FACES
from edge.reporting.lesson_statistics import FRONT
from edge.reporting.totals import add_up
from tests.load.lesson_changes import ALLOWED, DAYS, DWELLS, SAME, WINDOW, rate, told
from tests.support.lessons import summarize
from tests.support.simulated_lessons import START, USUAL, SimulatedLesson

LESSONS = 20
MEASURES = (FACES, FRONT, *USUAL)
MORE = (0.3, 0.4, 0.5)  # of the people look happy in the lesson that differs


def week(dwell: float, seed: int, more: float = 0.0) -> list[Measured]:
    """The lessons of a week; in the first one so many more look happy."""
    found = []
    for number in range(LESSONS):
        chance = random.Random(1000 * seed + number)  # noqa: S311 - a scene, no secret
        weights = {label: share * 2.718 ** chance.gauss(0, DAYS) for label, share in USUAL.items()}
        mixture = {label: weight / sum(weights.values()) for label, weight in weights.items()}
        if more and not number:
            rest = 1 - more / (1 - mixture["happy"])
            mixture = {label: share * rest for label, share in mixture.items()} | {"happy": mixture["happy"] + more}
        windows = SimulatedLesson(
            1000 * seed + number, people=round(chance.gauss(24, 1.5)), dwell=dwell, window=WINDOW,
            front=min(0.95, max(0.3, chance.gauss(0.75, 0.07))), mixture=mixture,
        ).windows()  # fmt: skip
        found.append(Measured(START, START, add_up(windows), summarize(windows), SAME))
    return found


def coloured(lessons: list[Measured], measure: str) -> list[bool]:
    """Of each lesson, whether its cell is."""
    return [cell is not None and cell.differs for cell in heat_map([lessons], measure, [""])[0]]


def main() -> int:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=60)
    weeks = parser.parse_args().weeks
    bad = False
    print("| | dwell | of weeks |\n|---|---|---|")
    for dwell in DWELLS:
        still = [week(dwell, seed) for seed in range(weeks)]
        for measure in MEASURES:
            hits = [any(coloured(lessons, measure)) for lessons in still]
            bad |= rate(hits)[1] > ALLOWED
            print(f"| nothing differs, but a cell is coloured: {measure} | {dwell:.0f} s | {told(hits)} |", flush=True)
        for more in MORE:
            hits = [coloured(week(dwell, seed, more), "happy")[0] for seed in range(weeks // 2)]
            print(f"| happy +{100 * more:.0f} points, and it is coloured | {dwell:.0f} s | {told(hits)} |", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
