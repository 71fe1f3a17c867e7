"""Where the draft goes: into its file, or, beside an installed service, to root, who installs it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edge.config.hand_over import hand_over
from edge.text import Sentence
from edge.web.setup.config_file import PASSWORD_KEY, ConfigFile
from edge.web.setup.json_requests import Json

END_AFTER = 1.0  # seconds in which the page still gets its answer


class Saving(Protocol):
    """Where the draft goes."""

    installed: bool
    """Whether it is the service that is set up."""

    def password_stored(self) -> bool:
        """Whether there is a password already."""

    def save(self, revision: int, *, restart: bool) -> Json:
        """Save, and say what comes next. Raises EdgeError."""


class SavingHere:
    """Replaces the file.

    Args:
        file: What is set up.
        command: How the user starts edge.
    """

    installed = False

    def __init__(self, file: ConfigFile, command: str) -> None:
        self._file = file
        self._command = command

    def password_stored(self) -> bool:
        """Whether there is a password already."""
        name = self._file.draft.value(PASSWORD_KEY)
        return isinstance(name, str) and Path(name).is_file()

    def save(self, revision: int, *, restart: bool) -> Json:  # noqa: ARG002 - nothing here may restart anything
        """Save, and say what comes next. Raises EdgeError."""
        saved = self._file.save(revision)
        command = f"{self._command} run --config {saved.path}"
        return {
            "saved": str(saved.path),
            "backup": None if saved.backup is None else str(saved.backup),
            "restarted": False,
            "next": Sentence("Start it: {command}", {"command": command}).as_json(),
        }


class SavingByRoot:
    """Hands the result to whoever started the page, and ends it; see `edge.config.hand_over`.

    Args:
        file: What is set up.
        folder: Where root looks for the result.
        end: Ends the page.
    """

    installed = True

    def __init__(self, file: ConfigFile, folder: Path, end: Callable[[], None]) -> None:
        self._file = file
        self._folder = folder
        self._end = end

    def password_stored(self) -> bool:
        """Whether there is a password already."""
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        credential = Path(credentials or "/nowhere") / "mqtt-password"
        return credential.is_file() and bool(credential.read_bytes().strip())

    def save(self, revision: int, *, restart: bool) -> Json:
        """Hand it over, and end. Raises EdgeError."""
        hand_over(self._folder, self._file.result(revision, restart=restart))
        ending = threading.Timer(END_AFTER, self._end)
        ending.daemon = True
        ending.start()
        return {
            "saved": str(self._file.path),
            "backup": None,
            "restarted": restart,
            "next": Sentence(
                "The terminal in which you started sudo edge setup says what was installed. This page has ended."
            ).as_json(),
        }
