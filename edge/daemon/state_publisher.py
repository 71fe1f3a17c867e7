"""Publishes what the daemon does now, to subscribers and to systemd, whenever it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.cameras.supervisor import CameraSupervisor
    from edge.daemon.mqtt_service import MqttService
    from edge.daemon.run_state import RunState
    from edge.daemon.sd_notify import Notifier


class StatePublisher:
    """Compares the state with the one that was published last.

    Args:
        run_state: Decides the state.
        camera: Says whether it is open, lost, or still closing.
        service: Where the state goes.
        notifier: Shows it in `systemctl status`.
    """

    def __init__(self, run_state: RunState, camera: CameraSupervisor, service: MqttService, notifier: Notifier) -> None:
        self._run_state = run_state
        self._camera = camera
        self._service = service
        self._notifier = notifier

    def publish(self, reason: str = "") -> None:
        """Publish the state if it has changed; `reason` says why, where the state itself does not."""
        if (state := self._run_state.changed_state(self._camera, reason)) is not None:
            self._service.publish_state(state)
        if (published := self._run_state.published) is not None:
            waiting = f"; {self._service.depth} windows wait for the broker" if self._service.depth > 1 else ""
            self._notifier.status(f"{published.mode}: {published.reason}{waiting}")
