"""How often the 90 % intervals of a lesson hold the truth, all nine figures, on its page and in a cell; three minutes.

python -m tests.load.lesson_intervals
python -m tests.load.lesson_intervals --people 40 --minutes 20 --lessons 300 --first 5000

The truth is the share with which people take an expression up, and turn to the front as the pose rule judges it; of
the number of faces the expected one. A page counts by the minute, a cell of a map and a room by five minutes: the
lower of the two is printed. Exit status 1 where an interval holds the truth in fewer than nine lessons of ten, beyond
what chance makes of so many lessons.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from edge.reporting.lesson_comparison import FACES, figures
from edge.reporting.lesson_statistics import FRONT
from edge.reporting.school_data import summary_of
from tests.load.lesson_changes import DWELLS, WINDOW, rate
from tests.support.lessons import summarize
from tests.support.simulated_lessons import (
    FOUND,
    KEPT,
    LATE,
    LATE_BY,
    LET_THROUGH,
    OUT_EVERY,
    OUT_FOR,
    USUAL,
    SimulatedLesson,
)

PROMISED = 0.9
Held = dict[str, tuple[bool, bool]]
"""By figure, whether the interval of the page and that of the cell hold the truth."""


def expected_faces(people: int, minutes: float) -> float:
    """That the detector finds in the average frame: some people are out, and some come late."""
    seconds = 60 * minutes
    there = OUT_EVERY / (OUT_FOR + OUT_EVERY)
    late = LATE * LATE_BY * (1 - math.exp(-seconds / LATE_BY)) / seconds
    return people * there * (1 - late) * FOUND


def truth(people: int, minutes: float, front: float) -> dict[str, float]:
    """Of all figures."""
    judged = front * KEPT + (1 - front) * LET_THROUGH
    return {FACES: expected_faces(people, minutes), FRONT: judged, **USUAL}


def held(people: int, minutes: float, dwell: float, seed: int) -> Held:
    """What the intervals of one lesson hold; a figure that it does not have is left out."""
    lesson = SimulatedLesson(seed, people=people, minutes=minutes, dwell=dwell, window=WINDOW)
    windows = lesson.windows()
    page, cell = figures(summarize(windows)), figures(summary_of(windows, windows[0].start))
    return {
        what: (page[what].low <= value <= page[what].high, cell[what].low <= value <= cell[what].high)
        for what, value in truth(people, minutes, lesson.front).items()
        if what in page and what in cell
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=(12, 25))
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--dwell", type=float, nargs="+", default=DWELLS, help="seconds that expressions last")
    parser.add_argument("--lessons", type=int, default=100, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    seeds = range(args.first, args.first + args.lessons)
    kinds = [(people, args.minutes, dwell) for people in args.people for dwell in args.dwell]
    with ProcessPoolExecutor(args.processes) as pool:
        found = [list(pool.map(partial(held, *kind), seeds, chunksize=4)) for kind in kinds]
    bad = False
    print(
        "| the 90 % interval holds the truth |", " | ".join(f"{n} people, {dwell:.0f} s" for n, _, dwell in kinds), "|"
    )
    print("|---|" + "---|" * len(kinds))
    for what in truth(args.people[0], args.minutes, SimulatedLesson.front):
        told = []
        for lessons in found:
            both = [each[what] for each in lessons if what in each]
            lowest = min(rate([each[place] for each in both]) for place in (0, 1)) if both else None
            bad |= lowest is not None and lowest[2] < PROMISED
            told.append(f"{100 * lowest[0]:.0f} % ({100 * lowest[1]:.0f} to {100 * lowest[2]:.0f})" if lowest else "-")
        print(f"| {what} |", " | ".join(told), "|")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
