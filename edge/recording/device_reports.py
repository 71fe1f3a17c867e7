"""What a recorder says in its log of single devices, and what to do about it."""

from __future__ import annotations

import logging

from edge.recording.place_changes import MOST as MOST_PLACES
from edge.text import printable

logger = logging.getLogger(__name__)


def report_refused(device: str | None, messages: int) -> None:
    """Say that a device sends too much; None: those together that are new.

    That is an error: rooms may be among them that did nothing wrong.
    """
    if device is None:
        logger.error(
            "%d messages of rooms that are new to this recording are lost: there are too many new ones, or they sent "
            "too much together. If all are yours, restart this recorder, which knows them then; if not, give every "
            "room its own rights at the broker",
            messages,
        )
        return
    logger.warning(
        "%s sends more than a full outbox and 20 MB an hour: %d messages were left out; look after that room, and "
        "change its password at the broker if somebody else has it",
        device,
        messages,
    )


def report_places(device: str) -> None:
    """Say that a device changes too often what is hidden of its picture."""
    logger.warning(
        "%s says more than %d times an hour that something else is hidden of its picture: what it says of that is left "
        "out; look after that room, and change its password at the broker if somebody else has it",
        device,
        MOST_PLACES,
    )


def report_missing(device: str, first: int, last: int) -> None:
    """Say that windows never came."""
    logger.warning(
        "%d windows of %s never came (%d to %d): lost at the broker, or dropped by the device, which then says so in "
        "alert/outbox", last - first + 1, printable(device, 64), first, last,
    )  # fmt: skip


def report_more_missing(devices: int) -> None:
    """Say that windows of so many further devices never came."""
    logger.warning("windows of %d more devices never came: edge report says how many of each", devices)
