"""When is a room silent? One rule for the dashboard, the technician's view and `edge watch`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.contract.channels import SILENCE
from edge.contract.timestamps import milliseconds_of

if TYPE_CHECKING:
    from edge.contract.payloads import State, WindowPayload
    from edge.reporting.machine import Machine

STALE_WINDOWS = 3  # window lengths without a window
STALE_MORE = 2_000  # milliseconds after these
STALE_LATE = 30_000  # milliseconds that a window may be late on its way
NEW = 60_000  # milliseconds within which a room should send its first window, unless it has longer ones
WITHOUT_WINDOWS = ("paused", "camera_lost")  # modes


def silent_from(state: State | None, machine: Machine, first: int) -> int | None:
    """From when on a room is silent, unless something comes; milliseconds of our clock.

    Args:
        state: What it said last; None: nothing.
        machine: What is known of its device.
        first: When it was first heard of, milliseconds of our clock.

    Returns:
        None: it says nothing of itself anyway, and so cannot be missed.
    """
    if state is not None and state.mode in WITHOUT_WINDOWS:
        # Where it lost its power together with the broker, or its will is not sent, nobody has said that it is offline.
        if machine.told == 0 and machine.info is None:
            return None
        # `health` expires at the broker, so a reader that starts later hears none of a device that is gone.
        return (machine.told or first) + SILENCE * 1000
    lasts = machine.info.window_seconds if machine.info is not None else 0.0
    new = max(NEW, round(STALE_WINDOWS * 1000 * lasts) + STALE_MORE)
    if machine.window is None:
        return max(first, machine.resumed, machine.newer) + new
    outdated = outdated_from(machine.window, machine.heard)
    since = max(machine.resumed, machine.newer)
    return outdated if machine.heard > since else max(outdated, since + new)


def is_gone(online: bool | None, state: State | None) -> bool:  # noqa: FBT001 - as it is known
    """Whether a device was taken off the broker: it has cleared whether it is there, and what it does."""
    return online is None and state is None


def resumes(before: State | None, state: State | None) -> bool:
    """Whether a room that had closed its camera, or lost it, measures again: its next window is still to come."""
    closed = before is not None and before.mode in WITHOUT_WINDOWS
    return closed and state is not None and state.mode not in WITHOUT_WINDOWS


def outdated_from(window: WindowPayload, heard: int) -> int:
    """From when on a window does not tell any more what a room does now; milliseconds of our clock.

    Args:
        window: The newest one.
        heard: When it came, milliseconds of our clock.
    """
    lasts = round(STALE_WINDOWS * 1000 * window.window.seconds)
    until = heard + lasts + STALE_MORE
    if not window.quality.clock_synced and not window.replayed:
        return until
    # By its own time where its clock is set: what is retained comes late. What has waited is of then in any case.
    return min(until, milliseconds_of(window.window.end) + lasts + STALE_LATE)
