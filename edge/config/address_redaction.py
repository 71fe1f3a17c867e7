"""What may be shown of a text that may be, or hold, the address of a camera or a broker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SECRET = "camera.source"  # noqa: S105 - the key whose text may hold a password: an address with user and password
ADDRESSES = (SECRET, "mqtt.broker")  # a broker's is refused with a password, and then still in the file
HIDDEN = "***"  # what we show of user, password and path in an address

# Many cheap cameras take user and password as a part of the path. The expressions look at each character a bounded
# number of times: what is shown may be of any length. (`(?=(...))\1` takes a name whole, or not at all.)
NAME = re.compile(r"(?<![\w-])(?=([\w-]+))\1 *= *")
SECRET_NAME = re.compile("user|pass|pwd|pw|token|key|auth", re.IGNORECASE)
VALUE = re.compile(r"""("[^"]*"?|'[^']*'?|[^&/ !]*)""")
# `rtsps://recorder:7441/KEY`: some cameras have no password, and a path that nobody can guess.
PATH = re.compile(r"""([a-z][a-z0-9+.-]{0,30}://[^/?#\s]+)/(?!\*\*\*['"]?$).+""", re.IGNORECASE | re.DOTALL)


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
    before, at, after = text.rpartition("@")
    if at:
        scheme, slashes, _ = before.partition("//")
        text = f"{scheme if slashes else ''}{slashes}***@{after}"
    before, question, _ = text.partition("?")
    return without_secret_parts(f"{before}?***" if question else text)


def without_secret_parts(text: str) -> str:
    """The same text with *** for what is given to a name such as `user` or `api-key`."""
    shown, end = "", 0
    for name, value in secret_parts(text):
        shown += f"{text[end : name.start()]}{name[1]}=***"
        end = value.end()
    return shown + text[end:]


def secret_parts(text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Such a name, and what is given to it."""
    end = 0
    for name in NAME.finditer(text):
        if name.start() >= end and SECRET_NAME.search(name[1]) and (value := VALUE.match(text, name.end())):
            end = value.end()
            yield name, value


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values of dotted keys; of addresses scheme, host and port."""
    return {key: without_password(str(value)) if key in ADDRESSES else value for key, value in values.items()}
