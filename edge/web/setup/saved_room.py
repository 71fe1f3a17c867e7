"""The room as its file has it now, whoever saved that: its rules keep the camera closed, not those of the draft."""

from __future__ import annotations

from collections.abc import Callable

from edge.config.schema import Config
from edge.errors import ConfigError
from edge.web.setup.config_file import ConfigFile

PAUSES = ("device", "outbox", "privacy", "gpio")
"""Sections that say whether the room is paused."""


class SavedRoom:
    """Looks at the file again whenever it is asked. For one thread.

    Args:
        file: What is set up.
        changed: Called once somebody else has changed the file: the draft says something else now.
    """

    def __init__(self, file: ConfigFile, changed: Callable[[], None]) -> None:
        self._file = file
        self._changed = changed
        self._revision = 0  # of the draft that was looked at
        self._room: Config | None = None
        self._wrong = ""

    def now(self) -> Config:
        """What the file says now; the same object while that is the same.

        Raises:
            ConfigError: It cannot be read, or is wrong in what says whether the room is paused.
        """
        if self._file.follow():
            self._changed()
        draft = self._file.draft
        if draft.revision != self._revision:
            self._revision = draft.revision
            room, wrong = draft.saved(*PAUSES)
            if room is None or room != self._room:
                self._room, self._wrong = room, str(wrong)
        if self._room is None:
            raise ConfigError(self._wrong, "correct it and save")
        return self._room
