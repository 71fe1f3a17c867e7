"""Saving on a machine where edge is not installed as a service: the file itself is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edge.web.setup.config_file import PASSWORD_KEY, ConfigFile
from edge.web.setup.json_requests import Json


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
        return {
            "saved": str(saved.path),
            "backup": None if saved.backup is None else str(saved.backup),
            "restarted": False,
            "next": f"Start it: {self._command} run --config {saved.path}",
        }
