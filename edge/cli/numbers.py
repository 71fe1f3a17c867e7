"""Numbers on the command line: whoever gives none, or one out of its range, is told what it may be."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable


def whole_number(least: int, most: int | None = None, unit: str = "") -> Callable[[str], int]:
    """A `type` for argparse: a whole number from `least` to `most` (None: any) of a `unit`.

    Raises:
        argparse.ArgumentTypeError: By the result, for any other text. A ValueError, as `int` raises it, would have
            argparse name a function of ours.
    """

    def parse(text: str) -> int:
        with contextlib.suppress(ValueError):
            if least <= int(text) <= (math.inf if most is None else most):
                return int(text)
        raise argparse.ArgumentTypeError(_expected(least, most, unit, text))

    return parse


def real_number(least: float, most: float, unit: str = "") -> Callable[[str], float]:
    """The same for a number that may have decimals."""

    def parse(text: str) -> float:
        with contextlib.suppress(ValueError):
            if least <= float(text) <= most:
                return float(text)
        raise argparse.ArgumentTypeError(_expected(least, most, unit, text))

    return parse


def _expected(least: float, most: float | None, unit: str, text: str) -> str:
    range_ = f"{least} or more" if most is None else f"{least} to {most}"
    return f"{' '.join(filter(None, (range_, unit)))}, not {text!r}"
