"""Who or what paused a room, or ended that, as `state` says it; and what may be kept of it: never a person's name."""

from __future__ import annotations

import re
from typing import Final

SCHEDULE: Final = "the schedule"
AT_THE_DEVICE: Final = "a person at the device"
OVER_MQTT: Final = "over MQTT"
SOMEBODY_OVER_MQTT: Final = f"somebody {OVER_MQTT}"
SOMEBODY: Final = "somebody"
BUTTON: Final = "the button in the room"
CONFIRMED: Final = "a person who confirmed the masks"
FORMER_CONFIGURATION: Final = "the configuration before"

NAMELESS: Final = (BUTTON, AT_THE_DEVICE, SOMEBODY_OVER_MQTT, CONFIRMED, FORMER_CONFIGURATION)
"""Causes that name nobody. Also `SCHEDULE`, which may be followed by when it ends, and `SOMEBODY`."""

_BY = re.compile(r"\b(paused|resumed) by (.*)", re.DOTALL)
_KNOWN = re.compile(
    rf"(?:{SCHEDULE}(?: until (?:[A-Z][a-z]{{2}} )?\d\d:\d\d)?|{'|'.join(NAMELESS)}|{SOMEBODY})(?=;|\Z)", re.DOTALL
)


def without_name(cause: str) -> str:
    """Who paused or resumed, but of a person only how.

    Args:
        cause: `Mrs Doe, over MQTT`, say; what follows a semicolon goes as well.
    """
    if known := _KNOWN.match(cause):
        return known[0]
    if cause.startswith(f"{SOMEBODY} ("):  # whose file cannot be read
        return SOMEBODY
    return SOMEBODY_OVER_MQTT if re.search(rf", {OVER_MQTT}(?=;|\Z)", cause) else AT_THE_DEVICE


def without_names(reason: str) -> str:
    """The reason of a state as it may be kept for longer than the state lasts: a name goes, and all behind it."""
    found = _BY.search(reason)
    return reason if found is None else f"{reason[: found.start()]}{found[1]} by {without_name(found[2])}"
