"""Secrets of a configuration that cannot be read as one: taken from its lines, whatever is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge.files.bounded_read import read_file

MAX_BYTES = 1_000_000
MAX_SECRET_BYTES = 4096
SHORTEST = 3  # characters; what is shorter would be found everywhere
HARMLESS = {"auto", "sample", "embedded", "null", "mqtt", "mqtts", "rtsp", "http", "https", "file"}
KEYS = re.compile(
    r"""\b(responsible|legal_basis|username|source|broker|\w*pass\w*|\w*token\w*|\w*secret\w*|\w+_file)["']?\s*:\s*"""
    r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\n]+)""",
    re.IGNORECASE,
)


def secrets_in(path: Path | None) -> Iterator[str]:
    """Every text of a file that stands for something secret, and what is in the files that it names; none is shown.

    Args:
        path: The configuration; None or unreadable: nothing.
    """
    if path is None:
        return
    try:
        text = read_file(path, MAX_BYTES).decode(errors="replace")
    except OSError:
        return
    for key, value in KEYS.findall(text):
        for secret in _readings(value):
            if len(secret) < SHORTEST or secret in HARMLESS:
                continue
            yield secret
            if key.lower().endswith("_file"):
                with suppress(OSError):
                    yield read_file(Path(secret), MAX_SECRET_BYTES).decode(errors="replace").strip()


def _readings(value: str) -> Iterator[str]:
    """What a value may be: with a comment or without, in a flow or by itself; and the parts of it."""
    plain = value.strip()
    yield plain.strip("\"'")
    bare = re.split(r"\s#", plain, maxsplit=1)[0].strip().strip("\"'")
    yield bare
    yield from (part.strip().strip("\"'") for part in re.split(r"[,;()<>{}\[\]]+", bare))
    if "://" in bare:
        yield from re.split(r"[:/@?&=]+", bare)
