"""Why a room is closed, in each language: a device says it in English, and a person's name stays as it is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from edge.contract.causes import AT_THE_DEVICE, BUTTON, OVER_MQTT, SCHEDULE, SOMEBODY, SOMEBODY_OVER_MQTT
from edge.text import Sentence

_FIXED = {
    f"paused by {AT_THE_DEVICE}": Sentence("paused by a person at the device"),
    f"paused by {SOMEBODY_OVER_MQTT}": Sentence("paused by somebody over MQTT"),
    f"paused by {SOMEBODY}": Sentence("paused by somebody"),
    f"paused by {BUTTON}": Sentence("paused by the button in the room"),
    f"paused by {SCHEDULE}": Sentence("paused by the schedule"),
    "paused: there is a schedule, but this machine's clock is not set (NTP)": Sentence(
        "paused: there is a schedule, but this machine's clock is not set (NTP)"
    ),
    "the camera is still closing": Sentence("the camera is still closing"),
}
_UNTIL = {
    None: Sentence("paused by the schedule until {time}"),
    "Mon": Sentence("paused by the schedule until Monday, {time}"),
    "Tue": Sentence("paused by the schedule until Tuesday, {time}"),
    "Wed": Sentence("paused by the schedule until Wednesday, {time}"),
    "Thu": Sentence("paused by the schedule until Thursday, {time}"),
    "Fri": Sentence("paused by the schedule until Friday, {time}"),
    "Sat": Sentence("paused by the schedule until Saturday, {time}"),
    "Sun": Sentence("paused by the schedule until Sunday, {time}"),
}
_SCHEDULED = re.compile(rf"paused by {SCHEDULE} until (?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(\d\d:\d\d)")
_BY = "paused by "


def reason_in_words(reason: str) -> list[Sentence | str]:
    """The parts of the reason of a state, which stand between semicolons; what is not known stays as it came."""
    return [_part(part) for part in reason.split("; ")] if reason else []


def reason_as_json(reason: str) -> list[Any]:
    """The same for a page."""
    return [part if isinstance(part, str) else part.as_json() for part in reason_in_words(reason)]


def _part(part: str) -> Sentence | str:
    if fixed := _FIXED.get(part):
        return fixed
    if found := _SCHEDULED.fullmatch(part):
        return replace(_UNTIL[found[1]], values={"time": found[2]})
    if not part.startswith(_BY):
        return part
    name = part.removeprefix(_BY)
    if (told := name.removesuffix(f", {OVER_MQTT}")) != name:
        return Sentence("paused by {name}, over MQTT", {"name": told})
    return Sentence("paused by {name}", {"name": name})
