"""How often a lesson is called unlike earlier ones that are alike, and how often one that differs is; half an hour.

python -m tests.load.lesson_comparisons
python -m tests.load.lesson_comparisons --people 14 --dwell 600 --lessons 300 --first 5000

For each class size and dwell two pools of lessons go through the daemon's own aggregation and estimate
(`tests/support/simulated_lessons.py`): one in which the truth is the same in all, one in which days differ by chance. A
lesson and its earlier ones are drawn from a pool, as a page and as roll-ups make their figures. Then lessons that truly
differ are compared with earlier ones of the pool. Numbers of faces are drawn as well, of classes of which pupils happen
to be away. Exit status 1 where more than one lesson in twenty is called unlike and nothing but chance made it so,
beyond what chance makes of so many lessons.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from edge.reporting.lesson_comparison import FACES, Comparison, compare
from edge.reporting.lesson_statistics import FRONT, LessonSummary
from edge.reporting.school_data import summary_of
from tests.load.lesson_changes import ALLOWED, DAYS, SAME, rate
from tests.load.steady_classes import faces_only
from tests.support.lessons import summarize
from tests.support.simulated_lessons import USUAL, SimulatedLesson

WINDOW = 60.0  # seconds: an estimate for each minute is enough for figures of a lesson
EARLIER = (3, 5, 9, 12)
MANY = 9  # earlier lessons that one which differs is compared with
AWAY = 0.02  # part of the lessons that a pupil misses
MINUTE_SCATTER = 0.3  # faces, of a minute; standard deviation
FRONT_DAYS = 0.07  # standard deviation, from day to day, of the part of the time that people turn to the front
PEOPLE_DAYS = 0.06  # and of how many there are, as a part of all
ALIKE, DAYS_DIFFER = "alike", "days differ"
POOLS = (ALIKE, DAYS_DIFFER)
HAPPY = {"15 to 40 % happy": 0.4, "15 to 60 % happy": 0.6}
MISSING, AWAY_FROM_FRONT = "a third is missing", "67 to 40 % to the front"
DIFFERENT = (*HAPPY, MISSING, AWAY_FROM_FRONT)


class Told(NamedTuple):
    """A lesson as its page tells it, and as an earlier one of another lesson, from roll-ups."""

    page: LessonSummary
    earlier: LessonSummary


def told(people: int, dwell: float, which: str, kind: str, seed: int) -> Told:
    """A lesson.

    Args:
        people: On the register.
        dwell: Seconds for which a face keeps an expression, on average.
        which: One of `POOLS`.
        kind: One of `DIFFERENT`, or empty for a usual lesson.
        seed: Of everything random.
    """
    chance, by = random.Random(seed), int(which == DAYS_DIFFER)  # noqa: S311 - days of a school, no secret
    weights = {label: share * math.exp(by * chance.gauss(0, DAYS)) for label, share in USUAL.items()}
    mixture = {label: weight / sum(weights.values()) for label, weight in weights.items()}
    if (happy := HAPPY.get(kind)) is not None:
        others = (1 - happy) / (1 - mixture["happy"])
        mixture = {label: happy if label == "happy" else share * others for label, share in mixture.items()}
    present = people - round(people / 3) if kind == MISSING else people
    # As the pose rule judges them: 40 and 67 %.
    front = (0.41 if kind == AWAY_FROM_FRONT else 0.75) + by * chance.gauss(0, FRONT_DAYS)
    windows = SimulatedLesson(
        seed,
        people=round(present * (1 + by * chance.gauss(0, PEOPLE_DAYS))),
        dwell=dwell,
        window=WINDOW,
        front=min(0.95, max(0.2, front)),
        mixture=mixture,
    ).windows()
    return Told(summarize(windows), summary_of(windows, windows[0].start))


def drawn_faces(people: int, rng: np.random.Generator) -> Told:
    """A lesson of which only the number of faces is known: pupils miss it by chance, and minutes scatter."""
    minutes = rng.binomial(people, 1 - AWAY) + rng.normal(0, MINUTE_SCATTER, 45)
    return Told(*(faces_only(minutes.reshape(-1, length).mean(axis=1).tolist()) for length in (1, 5)))


def against(lesson: Told, earlier: Sequence[Told]) -> Comparison:
    """As the page of a lesson compares it."""
    return compare(lesson.page, SAME, [(each.earlier, SAME) for each in earlier])


def unlike(pool: Sequence[Told], number: int, trials: int, rng: np.random.Generator) -> list[bool]:
    """Of drawn lessons that are alike, which are called unlike so many earlier ones."""
    picks = [rng.choice(len(pool), number + 1, replace=False).tolist() for _ in range(trials)]
    return [against(pool[first], [pool[each] for each in rest]).verdict == "different" for first, *rest in picks]


def found(kind: str, lessons: Sequence[Told], pool: Sequence[Told], rng: np.random.Generator) -> list[bool]:
    """Of lessons that differ, in which the figure that does is called different."""
    what = "happy" if kind in HAPPY else FRONT if kind == AWAY_FROM_FRONT else FACES
    hits = []
    for lesson in lessons:
        earlier = [pool[each] for each in rng.choice(len(pool), MANY, replace=False).tolist()]
        each = against(lesson, earlier).figures.get(what)
        hits.append(each is not None and each.differs)
    return hits


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=(8, 14, 25, 40))
    parser.add_argument("--dwell", type=float, nargs="+", default=(120.0, 600.0), help="seconds that expressions last")
    parser.add_argument("--pools", nargs="+", choices=POOLS, default=POOLS)
    parser.add_argument("--lessons", type=int, default=200, help="of each pool; of those that differ a fifth")
    parser.add_argument("--trials", type=int, default=2000, help="comparisons drawn of each")
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    rng = np.random.default_rng(args.first)
    bad = False
    heads = [*(f"{number} earlier" for number in EARLIER), *DIFFERENT]
    print("| class |", " | ".join(heads), "|\n|---|" + "---|" * len(heads), flush=True)
    with ProcessPoolExecutor(args.processes) as processes:
        for people, dwell, which in product(args.people, args.dwell, args.pools):
            tell = partial(told, people, dwell, which)
            seeds = range(args.first, args.first + args.lessons)
            pool = list(processes.map(partial(tell, ""), seeds, chunksize=4))
            rates = [share(unlike(pool, number, args.trials, rng)) for number in EARLIER]
            # The lessons of a pool are fewer than the comparisons: no more of them are independent.
            bad |= any(too_often(each, len(pool)) for each in rates)
            few = range(args.first + 10**6, args.first + 10**6 + max(1, args.lessons // 5))
            for kind in DIFFERENT:
                lessons = list(processes.map(partial(tell, kind), few, chunksize=4))
                rates.append(share(found(kind, lessons, pool, rng)))
            row(f"{people} people, {dwell:.0f} s, {which}", rates)
    for people in args.people:
        many = [drawn_faces(people, rng) for _ in range(max(args.trials, args.lessons))]
        rates = [share(unlike(many, number, args.trials, rng)) for number in EARLIER]
        bad |= any(too_often(each, args.trials) for each in rates)
        row(f"{people} pupils, only faces", rates)
    return int(bad)


def too_often(part: float, number: int) -> bool:
    """Whether chance does not explain that more than so many are called unlike."""
    return rate([n < part * number for n in range(number)])[1] > ALLOWED


def share(hits: Sequence[bool]) -> float:
    """Part that is true."""
    return sum(hits) / len(hits)


def row(name: str, rates: Sequence[float]) -> None:
    """A line of the table."""
    print(f"| {name} |", " | ".join(f"{100 * each:.1f} %" for each in rates), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
