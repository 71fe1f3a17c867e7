"""Secrets of a configuration that cannot be read as one: taken from its lines, whatever is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge.files.bounded_read import read_file
from edge.files.secret_file import MAX_PASSWORD_BYTES

SHORTEST = 3  # characters; what is shorter would be found everywhere
HARMLESS = {"auto", "sample", "embedded", "null", "mqtt", "mqtts", "rtsp", "http", "https", "file"}
NAMES = {"responsible", "legal_basis", "username", "source", "broker"}
PARTS = ("pass", "token", "secret")  # of other names
# What a key is called is looked at apart: parts of a name within one expression would be tried at every letter.
NAME = re.compile(r"""\b(\w+)["']?\s*:\s*""")
VALUE = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|[^\n]+""")


def secrets_in(data: bytes) -> Iterator[str]:
    """Every text of a file that stands for something secret, and what is in the files that it names; none is shown.

    Args:
        data: The configuration, as it was read.
    """
    for key, value in _entries(data.decode(errors="replace")):
        for secret in _readings(value):
            if len(secret) < SHORTEST or secret in HARMLESS:
                continue
            yield secret
            if key.endswith("_file"):
                with suppress(OSError):
                    yield read_file(Path(secret), MAX_PASSWORD_BYTES).decode(errors="replace").strip()


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """The keys that may stand for something secret, and what follows them."""
    position = 0
    while name := NAME.search(text, position):
        key, position = name[1].lower(), name.end()
        if key in NAMES or key.endswith("_file") or any(part in key for part in PARTS):
            value = VALUE.match(text, position)
            if value is not None:
                yield key, value[0]
                position = value.end()


def _readings(value: str) -> Iterator[str]:
    """What a value may be: with a comment or without, in a flow or by itself; and the parts of it."""
    plain = value.strip()
    yield plain.strip("\"'")
    bare = re.split(r"\s#", plain, maxsplit=1)[0].strip().strip("\"'")
    yield bare
    yield from (part.strip().strip("\"'") for part in re.split(r"[,;()<>{}\[\]]+", bare))
    if "://" in bare:
        yield from re.split(r"[:/@?&=]+", bare)
