"""A room's camera for those who are not its daemon: opened by the same rules, beside the same lamp."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from edge.cameras.exif import UPRIGHT
from edge.cameras.supervisor import CameraSupervisor, capture_maker
from edge.config.camera_source import live
from edge.daemon import mask_guard, unset_clock
from edge.daemon.daemon_lock import DaemonLock, Flag, is_held
from edge.daemon.former_name import adopt_former_files
from edge.daemon.memory_limit import open_camera_within_limits
from edge.daemon.paths import masks_path, pause_path
from edge.daemon.pause_store import OverrideStore, PauseStore
from edge.errors import CameraError, EdgeError
from edge.hardware.gpio import GpioPins
from edge.timing.local_zone import schedule_zone_problem
from edge.timing.schedule import in_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.cameras.capture_thread import CaptureThread
    from edge.config.schema import CameraConfig, Config, GpioConfig


class CameraClosedError(CameraError):
    """A pause or the schedule keeps the camera closed: nothing is wrong with it."""


class GuardedCamera(CameraSupervisor):
    """A camera that opens only while the daemon's might, within its limit of memory, and lights its lamp.

    Args:
        room: The configuration of the daemon, whose pause, schedule and lamp it is; see also `use_room`.
        config: What to open it with.
        source: What to open; resolved, never `auto`.
        confirms_masks: Whether somebody looks at the picture to say whether the masks fit it: then it is shown even
            where it is not the one that they were made for.
    """

    def __init__(self, room: Config, config: Config, source: str, *, confirms_masks: bool = False) -> None:
        self._room = room
        self._former: set[Path] = set()  # pauses of the names that the room had before
        self._source = source
        self._confirms_masks = confirms_masks
        adopt_former_files(room)  # a pause among them keeps it closed
        self._gpio = GpioPins(_lamp(room))
        super().__init__(self._maker(config, source), time.monotonic, recovers=live(source), set_lamp=self._light)

    def check_lamp(self) -> None:
        """Claim the lamp for a moment. Raises BusyError, ConfigError: another program has it, or there is no such pin.

        What opens the camera raises them as well, and leaves it closed.
        """
        self._gpio.start()
        self._gpio.stop()

    def _light(self, lit: bool) -> None:  # noqa: FBT001 - as of GpioPins
        """Switch the lamp. The pin is ours only while it is lit: the daemon, whenever it starts, needs it, too."""
        if lit:
            self._gpio.start()
        self._gpio.set_lamp(lit)
        if not lit:
            self._gpio.stop()

    def use_room(self, room: Config) -> None:
        """From now on these rules hold: the file was saved. A pause under a name of before holds as well.

        A daemon that has not been started again since still has that name.

        Raises:
            EdgeError: There is a pause that cannot be read under the new name, or no lamp at the new pin: the rules of
                before hold.
        """
        if room is self._room:
            return
        adopt_former_files(room)
        if _lamp(room) != _lamp(self._room):
            if self.closed:
                self._gpio = GpioPins(_lamp(room))
            else:
                self._gpio.change(_lamp(room))
        self._former = (self._former | {pause_path(self._room)}) - {pause_path(room)}
        self._room = room

    def check(self) -> None:
        """Raises CameraClosedError: it may not be open now."""
        if not live(self._source):
            return
        _check_room(self._room)
        for path in self._former:
            try:
                check_pause(path)
            except CameraClosedError as error:
                raise CameraClosedError(
                    f"{error.problem} (under the name that it had before)", "start this page again once that is over"
                ) from None

    def show(self, config: Config, source: str) -> None:
        """Go on with another camera, or the same one opened otherwise."""
        self._source = source
        self.change(self._maker(config, source), live=live(source))

    def stop(self) -> None:
        """Close the camera for good; the lamp goes out."""
        super().stop()
        self._gpio.stop()  # also where a driver hangs

    def _maker(self, config: Config, source: str) -> Callable[[], CaptureThread]:
        make = capture_maker(config, source, time.monotonic, open_camera_within_limits, self._accepts)

        def checked() -> CaptureThread:
            self.check()
            self._check_masks(config.camera, None)
            return make()

        return checked

    def _accepts(self, camera: CameraConfig, size: tuple[int, int], orientation: int) -> bool:
        # Raised in the capture thread, which closes the camera and hands it on.
        self._check_masks(camera, size, orientation)
        return True

    def _check_masks(self, camera: CameraConfig, size: tuple[int, int] | None, orientation: int = UPRIGHT) -> None:
        if self._confirms_masks:
            return
        if problem := mask_guard.problem(masks_path(self._room), camera, size, self._source, orientation):
            raise CameraError(f"the camera of the daemon stays closed: {problem}", mask_guard.REMEDY)


def _lamp(room: Config) -> GpioConfig:
    """The pin of the lamp, which has to be lit whoever opens the camera; the button belongs to the daemon."""
    return room.gpio.model_copy(update={"button": None})


def check_pause(path: Path) -> None:
    """Raises CameraClosedError where a person wants the camera closed.

    Args:
        path: Of the pause's file.
    """
    unstored = is_held(path, Flag.UNSTORED)  # before the file is looked at: it may just be stored
    try:
        pause = PauseStore(path).load()
        if pause is None and not unstored:
            DaemonLock(path).check()
    except EdgeError as error:
        raise CameraClosedError(error.problem, error.remedy) from None
    if pause is not None:
        paused = f"this room is paused since {pause.since} by {pause.by}, so its camera stays closed"
        raise CameraClosedError(paused, "edge resume ends it")
    if unstored:
        raise CameraClosedError("the daemon is paused, so the camera of this room stays closed", "edge resume ends it")


def _check_room(room: Config) -> None:
    """Raises CameraClosedError where a person or the schedule wants live cameras closed."""
    path, now = pause_path(room), datetime.now(timezone.utc)
    check_pause(path)
    if unset_clock.keeps_closed(room.privacy):
        raise CameraClosedError(unset_clock.PROBLEM, unset_clock.REMEDY)
    if room.privacy.follows_local_zone and (problem := schedule_zone_problem()):
        raise CameraClosedError(f"there is a schedule, but {problem}")
    schedule = room.privacy.weekly
    until, override = schedule.until(now), OverrideStore(path).load()
    if until is not None and not (override and override.holds(schedule, now)):
        closed = f"the schedule keeps the camera closed until {in_words(until, now)}"
        raise CameraClosedError(closed, "edge resume ends that")
