"""What of a message may be recorded, whoever wrote it: whose it is, what it costs, and what it may say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from edge.contract.machine_messages import MachineInfo, read_machine_message
from edge.contract.payloads import ModelNames, State, WindowPayload
from edge.contract.timestamps import parse_timestamp
from edge.contract.topics import NAME_PATTERN
from edge.contract.validation import LONGEST_WINDOW, DeviceMessage, read_message
from edge.errors import ConfigError
from edge.recording.session import Delivery
from edge.recording.window_row import LONGEST_NAME, Name
from edge.text import printable

EARLIEST, LATEST = 1970, 2200  # years that a clock, however wrong, may show for a calendar to follow
RETAINED = ("state", "availability", "info")
TOPICS = ("window", *RETAINED)


class ForeignSessionError(ConfigError):
    """A session at the broker is that of a recorder of another prefix."""


def device_of(prefix: str, topic: str) -> str | None:
    """The device in a topic; None where it is not one of ours."""
    first, _, rest = topic.partition("/")
    name, _, kind = rest.partition("/")
    return name if first == prefix and kind in TOPICS and re.fullmatch(NAME_PATTERN, name) else None


def check_prefix(prefix: str, topic: str) -> None:
    """Make sure that a message is of our school. Raises ForeignSessionError: what brings it is no session of ours."""
    if (first := topic.partition("/")[0]) != prefix:
        raise ForeignSessionError(
            f"the broker keeps messages below {printable(first)!r} for us, who record those below {prefix!r}: another "
            "recorder has this session, and it was left as it is",
            "--client-id names another; where it was ours under another --prefix, --forget ends it, with what waits",
        )


def bytes_of(delivery: Delivery) -> int:
    """Bytes that a message may take in the file: a window has its roll-up as well, a state its index."""
    return len(delivery.payload) * (1 if delivery.topic.endswith("/availability") else 2)


def topics(prefix: str, devices: Sequence[str]) -> list[str]:
    """What to subscribe to."""
    return [f"{prefix}/{device}/{topic}" for device in devices for topic in TOPICS]


def examine(prefix: str, delivery: Delivery) -> DeviceMessage | None:
    """A message that can be stored; None for one that says nothing. Raises ValueError for an invalid one."""
    if delivery.topic.endswith("/info"):
        said = read_machine_message(prefix, delivery.topic, delivery.payload)
        return DeviceMessage(said.device, said.kind, said.content) if isinstance(said.content, MachineInfo) else None
    message = read_message(prefix, delivery.topic, delivery.payload)
    if message.kind not in TOPICS or message.content is None:
        return None
    if isinstance(message.content, State):
        if not EARLIEST < parse_timestamp(message.content.since).year < LATEST:
            raise ValueError
        reason = printable(message.content.reason, LONGEST_NAME)
        message = message._replace(content=message.content.model_copy(update={"reason": reason}))
    elif isinstance(message.content, WindowPayload):
        message = message._replace(content=_window(message.content))
    return message


def _window(window: WindowPayload) -> WindowPayload:
    """A window with nothing but what may be kept of it."""
    span = window.window
    length = parse_timestamp(span.end) - parse_timestamp(span.start)
    if not timedelta() < length <= LONGEST_WINDOW:
        raise ValueError
    if not EARLIEST < parse_timestamp(span.start).year <= parse_timestamp(span.end).year < LATEST:
        raise ValueError
    model = window.model
    names = ModelNames(faces=_name(model.faces), emotions=_name(model.emotions), pose=_name(model.pose))
    return window if names == model else window.model_copy(update={"model": names})


def _name(name: Name) -> Name:
    return name and printable(name, LONGEST_NAME)
