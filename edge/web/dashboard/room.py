"""What is known about one room, and what of it a page that shows the present is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edge.contract.payloads import State, WindowPayload
from edge.contract.timestamps import milliseconds_of
from edge.reporting.cause_words import reason_as_json
from edge.reporting.machine import Machine
from edge.reporting.silence import WITHOUT_WINDOWS, outdated_from, silent_from
from edge.text import printable
from edge.web.dashboard.history import History
from edge.web.dashboard.marks import Marks

MAX_REASON = 200  # characters
SAMPLE = "sample"  # of `info`, in place of a kind of camera: the room is drawn, and nobody is in it


@dataclass
class Room:
    """One room.

    Attributes:
        online: None when nobody knows.
        window: The newest one that is shown.
        latest: The same, as the page shows it; it may be too old, or of too wrong a clock, for the history.
        heard: When it came, milliseconds of our own clock; 0 without one.
        changes: How often the history or the marks changed.
        until: When the newest window ends that was no replay, milliseconds of the device's clock; 0 without one.
        first: When it was first heard of, milliseconds of our own clock.
        machine_changes: How often what is known of its machine changed.
    """

    online: bool | None = None
    state: State | None = None
    window: WindowPayload | None = None
    latest: dict[str, Any] | None = None
    heard: int = 0
    until: int = 0
    first: int = 0
    changes: int = 0
    machine_changes: int = 0
    machine: Machine = field(default_factory=Machine)
    history: History = field(default_factory=History)
    marks: Marks = field(default_factory=Marks)

    def summary(self) -> dict[str, Any]:
        """All but the history, for the page."""
        state = self.state
        return {
            "online": self.online,
            "mode": state.mode if state else None,
            "reason": reason_as_json(printable(state.reason, MAX_REASON)) if state else [],
            "since": milliseconds_of(state.since) if state else None,
            "labels": self.history.labels,
            "latest": self.latest,
            "heard": self.heard,
            "silent_from": self._silent_from(),
            "drawn": self.machine.info is not None and self.machine.info.camera == SAMPLE,
            "changes": self.changes,
            "machine": {"changes": self.machine_changes, "alerts": len(self.machine.alerts)},
        }

    def _silent_from(self) -> int | None:
        """See `edge.reporting.silence`; figures that are shown as those of now end it, too."""
        known = silent_from(self.state, self.machine, self.first)
        without = self.state is not None and self.state.mode in WITHOUT_WINDOWS
        if known is None or without or self.latest is None or self.window is None:
            return known
        # A window that is older than the one that is shown is a sign of life, but brings no figures.
        return min(known, outdated_from(self.window, self.heard))
