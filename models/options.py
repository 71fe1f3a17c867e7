"""Command-line options that several of these commands take."""

from __future__ import annotations

import argparse
from pathlib import Path


def names(text: str) -> list[str]:
    """Names of networks, with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def named_file(text: str) -> tuple[str, Path]:
    """NETWORK=FILE. Raises argparse.ArgumentTypeError."""
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"NETWORK=FILE, not {text!r}")
    return name, Path(path)
