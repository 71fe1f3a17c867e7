"""Closes the camera where somebody, or the schedule, wants it closed, and opens it when nobody does any longer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.contract.causes import BUTTON, without_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.cameras.supervisor import CameraSupervisor
    from edge.daemon.analysis import Analysis
    from edge.daemon.run_state import RunState
    from edge.daemon.state_publisher import StatePublisher
    from edge.hardware.gpio import GpioPins

LOOK_SECONDS = 0.2  # between two looks at who wants the camera closed, while something else takes long


class PauseControl:
    """Puts into effect what the run state decides.

    Args:
        run_state: Whether the camera has to be closed.
        camera: The camera.
        gpio: The button.
        analysis: Ended by a pause, begun again after it.
        state: Where the change is published.
        monotonic: Where passed time comes from.
    """

    def __init__(
        self,
        run_state: RunState,
        camera: CameraSupervisor,
        gpio: GpioPins,
        analysis: Analysis,
        state: StatePublisher,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run_state = run_state
        self._camera = camera
        self._gpio = gpio
        self._analysis = analysis
        self._state = state
        self._monotonic = monotonic
        self._next_look = 0.0

    def open(self) -> None:
        """Begin to open the camera, unless it has to be closed from the start."""
        self._run_state.update()
        if self._run_state.closed:
            self._camera.pause()
        else:
            self._camera.start()

    def wait_open(self, timeout: float) -> bool:
        """Wait for the first opening, which ends at once where somebody wants the camera closed meanwhile.

        Returns:
            False when it is not open after `timeout` seconds.

        Raises:
            CameraError: It cannot be opened.
        """
        self._close_if_wanted()
        return self._camera.wait_open(timeout)

    def progress(self) -> None:
        """Close the camera where somebody wants that. To be called while the outbox is opened, as often as you like.

        Nothing can be published then. Whoever resumes is obeyed by the next `update`.
        """
        if (now := self._monotonic()) >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._close_if_wanted()

    def update(self, by: str = "") -> None:
        """Obey every press of the button, the schedule, and the files that `edge pause` and `edge resume` change.

        Args:
            by: Who has just ended a pause, in words.
        """
        for _ in range(self._gpio.take_presses()):
            self._run_state.toggle(BUTTON)
            self._take_effect(BUTTON)
        self._take_effect(by)
        self._run_state.kept.confirm(closed=self._camera.closed)

    def pause(self, by: str) -> None:
        """Close the camera and keep it closed, across restarts too.

        Raises:
            EdgeError: It is paused, but the disk would not keep it.
        """
        self._run_state.begin_pause(by)
        self.update()
        self._run_state.kept.store()

    def resume(self, by: str) -> None:
        """Open the camera again.

        Raises:
            EdgeError: The schedule is against it, or the pause cannot be removed from the disk: still paused.
        """
        self._run_state.end_pause(by)
        self.update(by)

    def _close_if_wanted(self) -> None:
        if self._camera.mode != "paused":
            for _ in range(self._gpio.take_presses()):
                self._run_state.toggle(BUTTON)
            self._run_state.update()
            if self._run_state.closed:
                self._camera.pause()
                self._analysis.models.reset()
        self._camera.update_closing()
        self._run_state.kept.confirm(closed=self._camera.closed)

    def _take_effect(self, by: str) -> None:
        by = self._run_state.update() or by
        if self._run_state.closed and self._camera.mode != "paused":
            self._camera.pause()
            self._analysis.end()
            self._analysis.models.reset()
            self._state.publish()
        elif self._camera.mode == "paused" and not self._run_state.closed:
            self._camera.resume()
            self._analysis.begin()
            # The broker keeps this for as long as the room runs; the log has the name.
            self._state.publish(f"resumed by {without_name(by)}")
