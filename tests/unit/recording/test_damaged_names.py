"""One bit of a recording has changed, so that a name in it is no text: every way to open it says so in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.recording.database import Database
from edge.recording.deletion import Eraser
from edge.recording.postgres.copying import SchoolFile
from edge.recording.read_only_file import open_to_read

WAYS: dict[str, Callable[[Path], object]] = {
    "record": lambda path: Database(path, "classroom").start(),
    "report": open_to_read,
    "delete": lambda path: Eraser(path).start(),
    "copy": lambda path: SchoolFile(path, "classroom").start(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [b"about", b"places", b"rollups"])
def test_it_is_said_in_words(path: Path, way: str, name: bytes) -> None:
    database = Database(path, "classroom")
    database.start()
    database.stop()
    content = bytearray(path.read_bytes())
    content[content.index(name)] ^= 0x80
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is no SQLite database, or a damaged one"):
        WAYS[way](path)
