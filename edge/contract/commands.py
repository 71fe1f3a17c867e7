"""What a device can be asked over `cmd/<name>`, as models; each may also be given as a bare word or number."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_BYTES = 4096

# Who paused is shown to everybody, on terminals too: no control characters.
Who = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class Request(BaseModel):
    """What every command may say about itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[str, StringConstraints(max_length=128)] | int | None = None
    by: Who | None = None


class PauseRequest(Request):
    """`pause`: bare `on` (or nothing) pauses, bare `off` resumes, as a switch in Home Assistant wants it."""

    pause: bool = True


class IntervalRequest(Request):
    """`interval`: the length of a window in seconds, also as a bare number."""

    seconds: float = Field(allow_inf_nan=False)


REQUESTS: dict[str, type[Request]] = {
    "pause": PauseRequest,
    "resume": Request,
    "interval": IntervalRequest,
    "reload": Request,
    "health": Request,
}
"""Every command by name."""
