"""What is claimed of hundreds of simulated lessons, and how much of it is false; docs/statistics.md has the figures.

python -m tests.load.lesson_changes                      half an hour on two cores
python -m tests.load.lesson_changes --lessons 100 --others 30

Every lesson goes through the daemon's own aggregation and estimate (`tests/support/simulated_lessons.py`), in windows
of 30 s, because a third as many estimates cost a third of the time. Exit status 1 where more than one lesson in twenty
is called changed and nothing but chance made it so, beyond what chance makes of that many lessons.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial

from edge.reporting.change_detection import find_changes
from edge.reporting.lesson_comparison import Conditions
from edge.reporting.lesson_statistics import minutes
from edge.reporting.totals import add_up
from tests.support.simulated_lessons import START, Change, SimulatedLesson

DWELLS = (30.0, 120.0, 600.0)  # seconds
LEAST, MOST = 480.0, 1620.0  # seconds of a lesson between which a change begins
ALLOWED = 0.05
WINDOW = 30.0  # seconds
DAYS = 0.35  # standard deviation, from day to day, of the logarithm of each expression's weight
SAME = Conditions("emotions")

CHANGES: dict[str, tuple[str, float, float, float]] = {
    "happy +20 for 10 min": ("happy", 0.2, 600.0, 0.75),
    "happy +20 until the end": ("happy", 0.2, 9e9, 0.75),
    "happy +30 for 10 min": ("happy", 0.3, 600.0, 0.75),
    "happy +40 for 10 min": ("happy", 0.4, 600.0, 0.75),
    "happy +20 for 10 min, nobody turned away": ("happy", 0.2, 600.0, 1.0),
    "front +20 for 10 min": ("front", 0.2, 600.0, 0.6),
    "front +30 for 10 min": ("front", 0.3, 600.0, 0.6),
}
"""What changes, by how much of the room, seconds, and the part of the time that people turn to the front."""
STILL: dict[str, tuple[int, float, int]] = {
    "25 people, 45 min": (25, 45, 0), "18 people, 45 min": (18, 45, 0), "40 people, 45 min": (40, 45, 0),
    "25 people, 20 min": (25, 20, 0), "25 people, 90 min": (25, 90, 0), "25 people, 45 min, eight jokes": (25, 45, 8),
}  # fmt: skip
"""People, minutes and jokes of lessons in which nothing changes; at a joke 30 % more look happy for 20 s."""


def claims(lesson: SimulatedLesson) -> list[tuple[str, float, float]]:
    """What is claimed to have changed, from when to when, in seconds of the lesson."""
    windows = lesson.windows()
    found = find_changes(minutes(windows), add_up(windows).basis) or []
    end = lesson.start + timedelta(minutes=lesson.minutes)
    return [
        (c.what, (c.start - START).total_seconds(), ((c.end or end) - START).total_seconds()) for c in found
    ]  # fmt: skip


def falsely_changed(people: int, length: float, jokes: int, dwell: float, seed: int) -> bool:
    """Whether anything is claimed of a lesson in which nothing changed."""
    moments = random.Random(seed).sample(range(120, int(60 * length) - 120), jokes)  # noqa: S311
    laughs = [Change("happy", 0.3, moment, 20.0) for moment in sorted(moments)]
    return bool(
        claims(SimulatedLesson(seed, people=people, minutes=length, dwell=dwell, window=WINDOW, changes=laughs))
    )


def changed(kind: str, dwell: float, seed: int) -> bool:
    """Whether a change is found: claimed of the right series, for a time that overlaps with it."""
    what, share, seconds, front = CHANGES[kind]
    begin = random.Random(seed).uniform(LEAST, MOST)  # noqa: S311 - a scene, no secret
    lesson = SimulatedLesson(
        10**6 + seed, dwell=dwell, front=front, window=WINDOW, changes=(Change(what, share, begin, seconds),)
    )  # fmt: skip
    return any(name == what and first < begin + seconds and last > begin for name, first, last in claims(lesson))


def rate(hits: Sequence[bool]) -> tuple[float, float, float]:
    """A share with Wilson's 95 % interval."""
    n, z2 = len(hits), 1.96**2
    share = sum(hits) / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.96 * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5 / (1 + z2 / n)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def told(hits: Sequence[bool]) -> str:
    """The same in words."""
    share, low, high = rate(hits)
    return f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", type=int, default=300, help="of a class of 25 in which nothing changes")
    parser.add_argument("--others", type=int, default=100, help="of each other kind")
    parser.add_argument("--dwell", type=float, nargs="+", default=DWELLS, help="seconds that expressions last")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    bad = False
    with ProcessPoolExecutor(args.processes) as pool:

        def tell(what: str, trial: Callable[[float, int], bool], lessons: int, *, false: bool = False) -> bool:
            """Print a row for each dwell; whether one of them is false too often."""
            often = False
            for dwell in args.dwell:
                hits = list(pool.map(partial(trial, dwell), range(max(1, lessons)), chunksize=4))
                print(f"| {what} | {dwell:.0f} s | {told(hits)} |", flush=True)
                often |= rate(hits)[1] > ALLOWED
            return often and false

        print("| nothing changes, but a change is claimed | dwell | of lessons |\n|---|---|---|")
        for number, (what, room) in enumerate(STILL.items()):
            lessons = args.others if number else args.lessons
            bad |= tell(what, partial(falsely_changed, *room), lessons, false=True)
        print("\n| a change is found | dwell | of lessons |\n|---|---|---|")
        for kind in CHANGES:  # heads keep a side for a minute, however long expressions last
            tell(kind, partial(changed, kind), args.others)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
