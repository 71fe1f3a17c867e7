"""The camera as somebody types it: the path of a film or a folder is enough."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from edge.cameras.image_folder import SUFFIXES
from edge.config.draft import RefusedChangeError
from edge.config.schema import SOURCE_PATTERN
from edge.files.home import expand_home
from edge.text import Sentence

KEY = "camera.source"


def source_of(typed: str) -> str:
    """A `camera.source` for it: a path that is there gets `file:` or `images:`, and is whole, for the service.

    Returns:
        What is no path, as it was typed: whether it can be a source is checked elsewhere.

    Raises:
        RefusedChangeError: It is a path, and nothing is there.
    """
    typed = typed.strip()
    if re.match(SOURCE_PATTERN, typed) or not typed.isprintable():
        return typed
    try:
        path = Path(expand_home(typed)).absolute()
        if path.is_dir() or (path.suffix.lower() in SUFFIXES and path.is_file()):
            return f"images:{path if path.is_dir() else glob.escape(str(path))}"
        if path.is_file():
            return f"file:{path}"
    except (OSError, ValueError) as error:  # too long; no such user
        raise RefusedChangeError(KEY, str(error)) from None
    if ":" in typed or not ("/" in typed or Path(typed).suffix or typed.startswith("~")):
        return typed
    raise missing(str(path))


def missing(path: str) -> RefusedChangeError:
    """What to say of a file that is not there."""
    return RefusedChangeError(
        KEY,
        Sentence("there is no file {path}", {"path": path}),
        Sentence("write the whole path of a film or of a folder of pictures on this device"),
    )
