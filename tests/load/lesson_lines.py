"""How often the 90 % band of a line holds the share with which people took an expression up; two minutes.

python -m tests.load.lesson_lines [lessons]
"""

from __future__ import annotations

import sys
from collections import Counter

from edge.reporting.lesson_statistics import minutes
from edge.reporting.smoothing import smoothed
from tests.support.lessons import summarize
from tests.support.simulated_lessons import USUAL, SimulatedLesson

DWELLS = (30.0, 120.0, 600.0)  # seconds


def held(dwell: float, lessons: int) -> dict[str, float]:
    """By expression, the part of all points whose band holds the truth."""
    inside, points = Counter[str](), Counter[str]()
    for seed in range(lessons):
        windows = SimulatedLesson(seed, dwell=dwell, window=30).windows()
        summary = summarize(windows)
        for line in smoothed(minutes(windows), summary.basis, list(summary.expressions)):
            for point in (each for piece in line.pieces for each in piece if line.what in USUAL):
                points[line.what] += 1
                inside[line.what] += point.low <= USUAL[line.what] <= point.high
    return {what: inside[what] / points[what] for what in points}


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    for dwell in DWELLS:
        print(
            f"dwell {dwell:.0f} s:",
            ", ".join(f"{what} {100 * part:.0f} %" for what, part in held(dwell, number).items()),
        )
