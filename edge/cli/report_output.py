"""What the reports of `edge report` share: their language, and files that cannot be written."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, EdgeError, pages_missing

if TYPE_CHECKING:
    from edge.languages.words import Words

NO_WINDOW = "is edge record running, and connected? edge delete --list shows what was deleted"


def speak(language: str | None) -> Words:
    """The language of pages and pictures.

    Args:
        language: As it was asked for; None: that of the environment, else English.

    Raises:
        ConfigError: There is none of that name.
        EdgeError: What pages need is not installed.
    """
    for needed in ("matplotlib", "babel"):
        if importlib.util.find_spec(needed) is None:
            raise pages_missing("report", needed)
    from edge.languages.catalogue import available, choose  # noqa: PLC0415 - a .csv must not need it
    from edge.languages.words import Words  # noqa: PLC0415

    if language is None:
        given = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
        return Words(choose(given.partition(".")[0]))
    if language not in (there := available()):
        raise ConfigError(f"--language {language!r} is not known", f"there are: {', '.join(there)}")
    return Words(language)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raises EdgeError where a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise EdgeError(f"{path} cannot be written", error.strerror or str(error)) from None
