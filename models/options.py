"""Command-line options that several of these commands take."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.cli.numbers import real_number, whole_number

EPOCHS, BATCH = whole_number(1), whole_number(2)  # batch normalisation needs two
SEED, THREADS = whole_number(0), whole_number(0, 1024)
SHARE, WEIGHT = real_number(0, 1), real_number(0, 100)
RATE = real_number(0, 10)  # of learning, and the decay of weights
TEMPERATURE = real_number(0.01, 100)
MIXUP = real_number(0, 100)  # a of Beta(a, a)
ADJUSTMENT = real_number(0, 10)  # of logits, times their log priors
RADIUS = real_number(0, 10)  # of sharpness-aware steps


def names(text: str) -> list[str]:
    """Names of networks, with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def named_file(text: str) -> tuple[str, Path]:
    """NETWORK=FILE. Raises argparse.ArgumentTypeError."""
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"NETWORK=FILE, not {text!r}")
    return name, Path(path)
