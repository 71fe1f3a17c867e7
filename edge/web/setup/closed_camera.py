"""Why the camera of the set-up page stays closed, in words of whoever stands before it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from edge.config.schema import live
from edge.daemon.paths import pause_path
from edge.daemon.pause_store import OverrideStore, PauseStore
from edge.daemon.run_state import NO_CLOCK
from edge.timing.clock import clock_synced
from edge.timing.local_zone import local_zone_problem
from edge.timing.schedule import in_words

if TYPE_CHECKING:
    from edge.config.schema import Config


def with_service(problem: str) -> str:
    """The same problem; if another program holds the camera, with how to make the service let go of it."""
    if "in use" not in problem and "using it" not in problem:
        return problem
    return f"{problem}; if that is the service: sudo systemctl stop edge, and start it again afterwards"


def closed_because(config: Config, source: str) -> str:
    """Why the camera has to stay closed: a pause of the room is one of the preview, too. Empty: it may be opened."""
    if not live(source):
        return ""
    path, now = pause_path(config), datetime.now(timezone.utc)
    pause = PauseStore(path).load()
    if pause is not None:
        return f"this room is paused since {pause.since} by {pause.by}, so its camera stays closed: edge resume ends it"
    if config.privacy.schedule and not config.privacy.trust_clock and not clock_synced():
        return NO_CLOCK  # better closed for too long than open in the wrong hour
    if config.privacy.follows_local_zone and (problem := local_zone_problem()):
        return f"there is a schedule, but {problem}"
    until = config.privacy.weekly.until(now)
    override = OverrideStore(path).load()
    if until is not None and not (override and override.holds(now)):
        return f"the schedule keeps the camera closed until {in_words(until, now)}: edge resume ends that"
    return ""
