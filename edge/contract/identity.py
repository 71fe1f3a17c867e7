"""The identity of a window, which it gets when it is stored, and how a window is completed with it. Pure."""

from __future__ import annotations

import json
from typing import NamedTuple

from edge.contract.payloads import WindowBody, WindowPayload


class Identity(NamedTuple):
    """What names a window for good, and whether it is sent late.

    Attributes:
        epoch: Eight hexadecimal digits, of the outbox.
        seq: 1 and up, within the epoch.
        replayed: Sent later than its own window.
    """

    epoch: str
    seq: int
    replayed: bool = False


def complete(body: WindowBody, identity: Identity) -> WindowPayload:
    """The window with its identity. The body was validated when it was built, so it is not validated again."""
    values = {name: getattr(body, name) for name in WindowBody.model_fields}
    return WindowPayload.model_construct(**values, **identity._asdict())


def complete_json(body: str, identity: Identity) -> bytes:
    """The same as JSON: what `complete(...).to_json()` says, without parsing or serialising the body.

    Args:
        body: What `WindowBody.to_json` wrote.
        identity: Its own.
    """
    epoch, seq, replayed = identity
    return f'{body[:-1]},"epoch":"{epoch}","seq":{seq},"replayed":{"true" if replayed else "false"}}}'.encode()


def measured_as(payload: bytes) -> str | None:
    """The device that a window names as its own; None where it names none, or is no window."""
    try:
        content = json.loads(payload)
    except ValueError:
        return None
    device = content.get("device") if isinstance(content, dict) else None
    return device if isinstance(device, str) else None
