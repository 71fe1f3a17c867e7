"""How many heat maps of the number of faces are coloured because pupils happened to be away; a minute.

python -m tests.load.steady_classes
python -m tests.load.steady_classes --maps 1000 --seed 5

No faces are simulated, only numbers of them: a class of which each pupil misses a lesson, or a day, by chance, seen
with some scatter. Nothing else differs, so one map in twenty may have a coloured cell. Then a third of the pupils are
missing in one lesson, or five, as where another class sits there. Exit status 1 where more than one map in twenty is
coloured by chance, beyond what chance makes of so many maps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from edge.reporting.heat_map import Grid, Measured, heat_map
from edge.reporting.intervals import block_error, mean_interval
from edge.reporting.lesson_comparison import FACES, Conditions
from edge.reporting.lesson_statistics import Figure, LessonSummary
from edge.reporting.totals import add_up
from tests.load.lesson_changes import ALLOWED, rate, told

START = datetime(2026, 11, 16, 8, 0, tzinfo=timezone.utc)
LESSON = 2700.0  # seconds
PIECES = 9  # of five minutes in a lesson
PIECE_SCATTER = 0.17  # faces, of five minutes; standard deviation


@dataclass(frozen=True)
class Classes:
    """Lessons that differ by nothing but who is away.

    Args:
        pupils: On the register.
        lesson: Probability that one of them misses a lesson.
        day: Probability that one of them misses a day.
        scatter: What a lesson scatters by itself: who goes out, what the detector misses; standard deviation in faces.
        rooms: That the map has.
        lessons: Of a room on a day.
        days: That the map has.
    """

    pupils: int = 25
    lesson: float = 0.005
    day: float = 0.0
    scatter: float = 0.0
    rooms: int = 1
    lessons: int = 6
    days: int = 5

    def there(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """(rooms, lessons, days): faces on average."""
        shape = self.rooms, self.lessons, self.days
        well = rng.binomial(self.pupils, 1 - self.day, (self.rooms, 1, self.days))
        present = rng.binomial(np.broadcast_to(well, shape), 1 - self.lesson)
        return np.asarray(present + rng.normal(0, self.scatter, shape))


STILL: dict[str, Classes] = {
    "week, 25 pupils, each misses a lesson in 1000": Classes(lesson=0.001),
    "a lesson in 200": Classes(lesson=0.005),
    "a lesson in 50": Classes(lesson=0.02),
    "a lesson in 15": Classes(lesson=0.067),
    "a lesson in 300 and a day in 100": Classes(lesson=0.003, day=0.01),
    "a lesson in 100 and a day in 15": Classes(lesson=0.01, day=0.067),
    "a lesson in 200, and each lesson scatters by 0.4 faces": Classes(lesson=0.005, scatter=0.4),
    "12 pupils, a lesson in 100 and a day in 50": Classes(pupils=12, lesson=0.01, day=0.02),
    "40 pupils, a lesson in 50": Classes(pupils=40, lesson=0.02),
    "week of one lesson a day, a lesson in 100 and a day in 50": Classes(lesson=0.01, day=0.02, lessons=1),
    "day of 12 rooms, a lesson in 100": Classes(lesson=0.01, rooms=12, days=1),
    "days of 12 rooms, a day in 25": Classes(lesson=0.0, day=0.04, rooms=12, lessons=1),
}
"""Maps in which nothing differs but who is away."""


def grid_of(faces: NDArray[np.float64], rng: np.random.Generator) -> tuple[Grid, list[str]]:
    """A map (of a day: rooms by lessons; else: the lessons of each room by days), and the room of each row."""
    rooms, _, days = faces.shape
    rows = faces.reshape(-1, days) if days > 1 else faces[:, :, 0]
    names = [f"room-{number * rooms // len(rows)}" for number in range(len(rows))]
    return [[cell(mean, rng) for mean in row] for row in rows.tolist()], names


def cell(mean: float, rng: np.random.Generator) -> Measured:
    """A lesson with so many faces on average."""
    pieces = mean + rng.normal(0, PIECE_SCATTER, PIECES)
    return Measured(START, START, add_up([]), faces_only(pieces.tolist()), Conditions("headcount", "f@1"))


def faces_only(means: Sequence[float]) -> LessonSummary:
    """A lesson of 45 minutes, of which only the number of faces is known, in pieces of equal length."""
    mean, error = sum(means) / len(means), block_error([(each, 1.0) for each in means])
    figure = Figure(mean, *mean_interval(mean, error, LESSON), error)
    return LessonSummary(LESSON, LESSON, 0, 0, figure, None, None, {})


def coloured(classes: Classes, fewer: int, rng: np.random.Generator) -> list[bool]:
    """Of each cell, whether it is; in the lesson of the first one so many more pupils are missing."""
    faces = classes.there(rng)
    faces[0, 0, 0] -= fewer
    grid, rooms = grid_of(faces, rng)
    return [each is not None and each.differs for row in heat_map(grid, FACES, rooms) for each in row]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=300, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    bad = False
    print("| | by chance | a third is missing | five are missing |\n|---|---|---|---|")
    for what, classes in STILL.items():
        rng = np.random.default_rng(args.seed)
        still = [any(coloured(classes, 0, rng)) for _ in range(args.maps)]
        fewer = [
            [coloured(classes, number, rng)[0] for _ in range(max(1, args.maps // 3))]
            for number in (round(classes.pupils / 3), 5)
        ]
        bad |= rate(still)[1] > ALLOWED
        print(f"| {what} |", " | ".join(told(hits) for hits in (still, *fewer)), "|", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
