"""An empty recording, open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.recording.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "school.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path, "classroom")
    database.start()
    yield database
    database.stop()
