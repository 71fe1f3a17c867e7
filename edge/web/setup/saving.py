"""Where the draft goes: into its file, or, beside an installed service, to root, who installs it."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edge.config.hand_over import hand_over
from edge.config.loader import find_config
from edge.errors import ConfigError
from edge.files.presence import is_file
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
        tell: Shows a sentence in the terminal.
    """

    installed = False

    def __init__(self, file: ConfigFile, command: str, tell: Callable[[str], None]) -> None:
        self._file = file
        self._command = command
        self._tell = tell

    def password_stored(self) -> bool:
        """Whether there is a password already."""
        name = self._file.draft.value(PASSWORD_KEY)
        return isinstance(name, str) and is_file(name)

    def save(self, revision: int, *, restart: bool) -> Json:  # noqa: ARG002 - nothing here may restart anything
        """Save, and say what comes next. Raises EdgeError."""
        saved = self._file.save(revision)
        following = Sentence(
            "End this page, and edge if it runs already, with Ctrl-C in their terminals; then start: {command}",
            {"command": self._start(saved.path)},
        )
        self._tell(f"{saved.path} is saved. {following}")
        return {
            "saved": str(saved.path),
            "backup": None if saved.backup is None else str(saved.backup),
            "restarted": False,
            "next": following.as_json(),
        }

    def _start(self, path: Path) -> str:
        """What to type so that the daemon starts with this file."""
        command = self._command if Path(self._command).name == "run" else f"{self._command} run"
        with contextlib.suppress(ConfigError):  # there is somebody else's in the current folder
            found = find_config()
            if found is not None and found.path.resolve() == path.resolve():
                return command
        return f"{command} --config {shlex.quote(str(path))}"


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
        result = self._file.result(revision, restart=restart)
        # Who saves or changes something before the page is gone would be told so, and root install another result.
        self._file.draft.end(revision)
        try:
            hand_over(self._folder, result)
        except BaseException:
            self._file.draft.go_on()
            raise
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
