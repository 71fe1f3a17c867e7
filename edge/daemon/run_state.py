"""What the daemon does now and why: running, throttled, paused by a person or by the schedule, without a camera."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from edge.cameras.supervisor import STILL_CLOSING, CameraSupervisor
from edge.config.schema import PrivacyConfig
from edge.contract.causes import AT_THE_DEVICE, CONFIRMED, SCHEDULE
from edge.contract.payloads import RunMode, State
from edge.contract.timestamps import format_timestamp
from edge.daemon import audit, mask_guard, unset_clock
from edge.daemon.kept_pause import KeptPause
from edge.daemon.mask_guard import MaskGuard
from edge.daemon.pause_store import Override, OverrideStore, Pause, PresumedPause
from edge.errors import EdgeError
from edge.timing.clock import clock_synced
from edge.timing.local_zone import schedule_zone_problem
from edge.timing.schedule import Schedule, in_words

logger = logging.getLogger(__name__)

MASKS = "the masks"
BACK = {"throttled": "the board has cooled down"}
NO_CLOCK = f"paused: {unset_clock.PROBLEM}"


class RunState:
    """The pauses in force, a person's also on disk, and the state that was published last.

    Args:
        utc: The time of day.
        synced: Whether the system says that its clock is set.
        masks: Whether the masks fit the picture.
        monotonic: Where passed time comes from.
        mark: As `KeptPause`.
    """

    def __init__(
        self,
        utc: Callable[[], datetime],
        synced: Callable[[], bool] = clock_synced,
        masks: MaskGuard | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        mark: int | None = None,
    ) -> None:
        self.kept = KeptPause(monotonic, mark)
        """The pause of a person, and its files."""
        self.masks = masks or MaskGuard()
        """Whether the masks fit the picture: if not, the camera is closed, whatever else is resumed."""
        self.masks_problem = ""
        """Why not, as of the last update; a frame may have been refused since then."""
        self._utc = utc
        self._synced = synced
        self._override_store: OverrideStore | None = None
        self._override_over: Override | None = None  # whatever its file says
        self._schedule = Schedule()
        self._trust_clock = False
        self._clock_known = False  # once it was set, it is good enough for days
        self.scheduled = ""
        """Why the schedule keeps the camera closed now; empty: it does not."""
        self.throttled = ""
        """Why fewer frames are analysed than wanted; empty: they are not."""
        self.published: State | None = None
        """The state that was published last."""

    @property
    def pause(self) -> Pause | None:
        """The pause of a person, as of the last update."""
        return self.kept.pause

    @property
    def notice(self) -> str:
        """What a person who starts the daemon has to know; empty: nothing."""
        if not self.closed or self.published is None:
            return ""
        if self.masks_problem:
            return f"{self.published.reason}; {mask_guard.REMEDY}"
        if self.pause is None and self.waits_for_clock:  # nobody can end this by resuming
            return f"{self.published.reason}: no windows come until it is set; {unset_clock.REMEDY}"
        return f"{self.published.reason}, since {self.published.since}; no windows come until: edge resume"

    def use(self, path: Path, privacy: PrivacyConfig) -> None:
        """Keep pauses in this file, take the one that is there, and obey this schedule.

        Raises:
            BusyError: Another daemon uses it.
        """
        self.kept.use(path)
        self._override_store = OverrideStore(path)
        self.set_schedule(privacy)

    def set_schedule(self, privacy: PrivacyConfig) -> None:
        """Obey the schedule of this configuration from the next update on."""
        self._schedule, self._trust_clock = privacy.weekly, privacy.trust_clock

    @property
    def closed(self) -> bool:
        """Whether the camera has to be closed, as of the last update."""
        return self.pause is not None or bool(self.scheduled) or bool(self.masks_problem)

    @property
    def waits_for_clock(self) -> bool:
        """Whether the schedule keeps the camera closed for a clock that is not set, as of the last update."""
        return self.scheduled == NO_CLOCK

    @property
    def wants_closed(self) -> bool:
        """Whether the next update would have it closed."""
        return self.pause is not None or bool(self._scheduled_reason()) or bool(self.masks.problem)

    def update(self) -> str:
        """Find out what the schedule and people at the device want now.

        Returns:
            Who ended the last pause, in words, where that happened; else "".
        """
        ended = self._update_masks()
        before, self.scheduled = self.scheduled, self._scheduled_reason()
        self._forget_override()
        if self.scheduled and not before:
            self._record("pause", SCHEDULE, reason=self.scheduled)
        if before and not self.scheduled:
            overridden = self._overridden(self._utc())
            ended = overridden.by if overridden else SCHEDULE
            self._record("resume", ended)
        paused = self.pause
        if by := self.kept.update():
            ended = by
            self._record("resume", by)
        if self.kept.take_wish():
            self.kept.begin(Pause(AT_THE_DEVICE, format_timestamp(self._utc())))
            self.kept.keep()
        if self.pause is not None and self.pause != paused:
            self._record("pause", self.pause.by)
        return "" if self.closed else ended

    def begin_pause(self, by: str) -> None:
        """Be paused by a person from now on; whoever came first is remembered."""
        self.update()  # somebody at the device may just have ended the pause before, and this one is newer
        if self.pause is None or isinstance(self.pause, PresumedPause):
            self.kept.begin(Pause(by, format_timestamp(self._utc())))
            self._record("pause", by)

    def end_pause(self, by: str) -> None:
        """Be paused by nobody any longer.

        Raises:
            EdgeError: The masks or the schedule want the camera closed, or the file cannot be removed: then the pause
                goes on.
        """
        if self.masks.problem:
            raise EdgeError(self.masks.problem, mask_guard.REMEDY)
        if self.waits_for_clock:
            raise EdgeError(self.scheduled, unset_clock.REMEDY)
        if self.scheduled:
            raise EdgeError(f"{self.scheduled}; this ends early only on the device itself", "run: edge resume")
        self._remove_pause(by)

    def end_locally(self, by: str) -> None:
        """Be paused no longer, neither by a person nor by the schedule of now: a person at the device wants it so.

        Raises:
            EdgeError: The disk does not take it: then the pause goes on.
        """
        now = self._utc()
        until = self._schedule.until(now) if self.scheduled else None
        if until is not None and self._override_store is not None:
            self._override_store.store(Override(by, format_timestamp(now), format_timestamp(until)))
        self._remove_pause(by)

    def toggle(self, by: str) -> None:
        """Pause, or end the pause, as the button at the device does; a disk that does not take it is logged."""
        if not self.closed:
            self.begin_pause(by)
            self.kept.keep()
            return
        try:
            self.end_locally(by)
        except EdgeError as error:
            logger.error("%s", error)

    def _remove_pause(self, by: str) -> None:
        if self.pause is not None:
            self.kept.end()
            self._record("resume", by)

    def next_state(self, camera: CameraSupervisor, reason: str = "") -> State:
        """The state now, which counts as published.

        Args:
            camera: Says whether it is open, lost, or still closing.
            reason: Why, in words; empty: the one published before, if the mode is the same.
        """
        self.published = self._state(camera, reason)
        return self.published

    def changed_state(self, camera: CameraSupervisor, reason: str = "") -> State | None:
        """The state if it is not what was published last; it counts as published then."""
        return None if self._state(camera, reason) == self.published else self.next_state(camera, reason)

    def _state(self, camera: CameraSupervisor, reason: str) -> State:
        mode: RunMode = "throttled" if self.throttled and camera.mode == "running" else camera.mode
        before = self.published
        since = before.since if before is not None and before.mode == mode else format_timestamp(self._utc())
        if self.pause is not None:
            since = self.pause.since
        if self.closed:
            reason = f"paused by {self.pause.by}" if self.pause else self.scheduled
            reason += self.kept.problem and f"; a restart would end that: {self.kept.problem}"
            reason = "; ".join(filter(None, (self.masks_problem and f"paused: {self.masks_problem}", reason)))
            reason += "" if camera.closed else f"; {STILL_CLOSING}"
        elif mode == "camera_lost":
            reason = camera.problem
        elif mode == "throttled":
            reason = self.throttled
        elif not reason and before is not None:
            reason = before.reason if before.mode == mode else BACK.get(before.mode, "the camera is back")
        return State(mode=mode, reason=reason, since=since)

    def _update_masks(self) -> str:
        """Obey the masks; returns who has confirmed them, in words, where that has just happened."""
        self.masks.update()
        before, self.masks_problem = self.masks_problem, self.masks.problem
        if self.masks_problem and not before:
            self._record("pause", MASKS, reason=self.masks_problem)
        elif before and not self.masks_problem:
            self._record("resume", CONFIRMED)
            return CONFIRMED
        return ""

    def _scheduled_reason(self) -> str:
        if not self._schedule.pauses:
            return ""
        if not self._knows_time():  # better closed for too long than open in the wrong hour
            return NO_CLOCK
        if self._schedule.zone is None and (problem := schedule_zone_problem()):
            return f"paused: there is a schedule, but {problem}"
        now = self._utc()
        until = self._schedule.until(now)
        if until is None or self._overridden(now) is not None:
            return ""
        return f"paused by {SCHEDULE} until {in_words(until, now)}"

    def _overridden(self, now: datetime) -> Override | None:
        """Who at the device has ended the scheduled pause of this moment before its time."""
        override = self._load_override()
        return override if override is not None and override.holds(self._schedule, now) else None

    def _forget_override(self) -> None:
        """Once the pause that was ended is over, or is not in the schedule any more, no other is ended by that."""
        override = self._load_override()
        if override is None or self._override_store is None:
            return
        if not self._knows_time() or (self._schedule.zone is None and schedule_zone_problem()):
            return  # which pause this is, is not known
        if not override.holds(self._schedule, self._utc()):
            self._override_over = override
            with contextlib.suppress(EdgeError):  # on a disk that takes nothing it is forgotten until the next start
                self._override_store.clear()

    def _load_override(self) -> Override | None:
        override = self._override_store.load() if self._override_store is not None else None
        return None if override == self._override_over else override

    def _knows_time(self) -> bool:
        self._clock_known = self._clock_known or self._synced()
        return self._clock_known or self._trust_clock

    def _record(self, event: audit.Event, by: str, **facts: str) -> None:
        audit.record(event, by, self._utc(), **facts)
