"""What may be shown of a text that may be, or hold, the address of a camera or a broker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SECRET = "camera.source"  # noqa: S105 - the key whose text may hold a password: an address with user and password
ADDRESSES = (SECRET, "mqtt.broker")  # a broker's is refused with a password, and then still in the file
HIDDEN = "***"  # what we show of user, password and path in an address

# Many cheap cameras take user and password as a part of the path.
SECRET_PART = re.compile(
    r"""((?:user|pass|pwd|pw|token|key|auth)[\w-]*) *= *("[^"]*"?|'[^']*'?|[^&/ !]*)""", re.IGNORECASE
)
# `rtsps://recorder:7441/KEY`: some cameras have no password, and a path that nobody can guess.
PATH = re.compile(r"""([a-z][a-z0-9+.-]*://[^/?#\s]+)/(?!\*\*\*['"]?$).+""", re.IGNORECASE | re.DOTALL)


def without_password(text: str) -> str:
    """The same text fit for a log: of an address scheme, host and port are left, and *** for the rest.

    Of a pipeline nothing is left behind its first `=`: where the value of a property ends is GStreamer's to know.
    """
    return PATH.sub(r"\1/***", without_credentials(text))


def without_credentials(text: str) -> str:
    """The same text without what stands before an `@` or after a `?`: the path stays, which may be a key."""
    before, mark, pipeline = text.partition("gstreamer:")
    if mark:
        shown, equals, _ = pipeline.partition("=")
        return f"{without_credentials(before)}{mark}{shown}{equals}{'***' if equals else ''}"
    text = re.sub(r"^(.*?//)?.*@", lambda found: f"{found[1] or ''}***@", text, flags=re.DOTALL)
    text = re.sub(r"\?.*", "?***", text, flags=re.DOTALL)
    return SECRET_PART.sub(r"\1=***", text)


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values of dotted keys; of addresses scheme, host and port."""
    return {key: without_password(str(value)) if key in ADDRESSES else value for key, value in values.items()}
