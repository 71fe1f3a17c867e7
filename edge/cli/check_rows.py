"""Rows of `edge check` about now: is the camera closed, and is the clock set?"""

from __future__ import annotations

import contextlib
from datetime import datetime, timezone

from edge.config.schema import Config
from edge.daemon import unset_clock
from edge.daemon.guarded_camera import CameraClosedError, check_pause
from edge.daemon.kept_pause import NO_FOLDER
from edge.daemon.paths import outbox_path, pause_path
from edge.files.ownership import why_not_kept
from edge.support.support_file import CheckRow
from edge.timing.clock import clock_synced
from edge.timing.schedule import in_words

OK, WARNING, FAILED = "ok", "warning", "failed"


def pause_rows(config: Config) -> list[CheckRow]:
    """A row where a person has paused the room.

    A film or the sample room can be tried while the daemon is paused, and then nothing else would say that it is.
    """
    try:
        check_pause(pause_path(config))
    except CameraClosedError as error:
        return [CheckRow("pause", WARNING, error.problem, error.remedy)]
    return []


def folder_rows(config: Config) -> list[CheckRow]:
    """A row where everybody may write into the folder of the outbox."""
    with contextlib.suppress(OSError):  # the row of the outbox says what is wrong
        if problem := why_not_kept(outbox_path(config).parent):
            return [CheckRow("outbox's folder", WARNING, problem, NO_FOLDER)]
    return []


def clock_row(config: Config) -> CheckRow:
    """Whether the clock is set."""
    if clock_synced():
        return CheckRow("clock", OK, "set")
    if config.privacy.trust_clock:
        return CheckRow("clock", OK, "not set (NTP), but taken for right: privacy.trust_clock is true")
    return CheckRow(
        "clock", WARNING, "this machine's clock is not set (NTP): windows may have a wrong time", unset_clock.REMEDY
    )


def schedule_row(config: Config) -> CheckRow:
    """Whether the schedule keeps the camera closed now."""
    if unset_clock.keeps_closed(config.privacy):
        found = f"{unset_clock.PROBLEM}, so the daemon keeps its camera closed until then"
        return CheckRow("schedule", WARNING, found, unset_clock.REMEDY)
    until = config.privacy.weekly.until(now := datetime.now(timezone.utc))
    return CheckRow("schedule", OK, "not paused now" if until is None else f"paused until {in_words(until, now)}")
