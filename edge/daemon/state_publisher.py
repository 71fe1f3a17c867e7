"""Publishes what the daemon does now, to subscribers and to systemd, whenever it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cameras.frozen import LONGEST
from edge.contract.payloads import Alert
from edge.contract.timestamps import format_timestamp
from edge.daemon import mask_guard
from edge.vision.still_faces import LONG

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.cameras.supervisor import CameraSupervisor
    from edge.daemon.mqtt_service import MqttService
    from edge.daemon.run_state import RunState
    from edge.daemon.sd_notify import Notifier
    from edge.timing.clock import Clock

FROZEN = (
    f"the camera has sent the very same picture for {LONGEST:.0f} s, so figures stand still",
    "restart the camera; if it is dark, uncover the lens or switch on the light",
)
# Without their number: one fewer would tell that somebody stands in front of them.
STILL = (
    f"faces have not moved for {LONG / 60:.0f} minutes (printed, or the camera hangs): for privacy.min_faces no people",
    "mask what is printed (camera.masks), or restart the camera",
)


class StatePublisher:
    """Compares the state with the one that was published last.

    Args:
        run_state: Decides the state.
        camera: Says whether it is open, lost, or still closing.
        service: Where the state goes.
        notifier: Shows it in `systemctl status`.
        clock: Since when a picture stands still.
        still_faces: Whether there are faces that do not move as living heads do.
        tell: Called with a sentence for whoever watches the daemon, when a pause begins or ends.
    """

    def __init__(
        self,
        run_state: RunState,
        camera: CameraSupervisor,
        service: MqttService,
        notifier: Notifier,
        clock: Clock,
        still_faces: Callable[[], bool] = lambda: False,
        tell: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._run_state = run_state
        self._camera = camera
        self._service = service
        self._notifier = notifier
        self._clock = clock
        self._still_faces = still_faces
        self._tell = tell
        self._picture: tuple[str, str] | None = None
        self._masks = ""

    def publish(self, reason: str = "") -> None:
        """Publish the state if it has changed; `reason` says why, where the state itself does not."""
        before = self._run_state.published
        if (state := self._run_state.changed_state(self._camera, reason)) is not None:
            self._service.publish_state(state)
            was_paused = before is not None and before.mode == "paused"
            if state.mode == "paused" and not was_paused:
                self._tell(self._run_state.notice)
            elif state.mode in ("running", "throttled") and was_paused:
                self._tell(f"{state.reason}: windows come again")
        if (published := self._run_state.published) is not None:
            waiting = f"; {self._service.depth} windows wait for the broker" if self._service.depth > 1 else ""
            self._notifier.status(f"{published.mode}: {published.reason}{waiting}")
        picture = FROZEN if self._camera.frozen else STILL if self._still_faces() else None
        if picture != self._picture:
            self._picture = picture
            self._service.set_alert("picture", self._alert(*picture) if picture else None)
        if self._run_state.masks_problem != self._masks:
            self._masks = self._run_state.masks_problem
            problem = f"the camera stays closed: {self._masks}"
            self._service.set_alert("masks", self._alert(problem, mask_guard.REMEDY) if self._masks else None)

    def _alert(self, problem: str, remedy: str) -> Alert:
        return Alert(problem=problem, remedy=remedy, since=format_timestamp(self._clock.utc()))
