"""Mistakes in the address of a network camera that are found before anybody is asked."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import urlsplit

from edge.text import mark

HOW_TO_ENCODE = "percent-encode the special characters of user and password: %23 for #, %2F for /, %3F for ?, %25 for %"


def mistake_in(address: str) -> str:
    """What is wrong with an rtsp or http URL, and the remedy; empty where nothing is.

    Nothing of the address is repeated: it may hold a password.
    """
    credentials = re.match(r"[a-z]+://([^@]*)@", address)
    if credentials and re.search(r"%(?![0-9a-fA-F]{2})", credentials[1]):
        return f"the address has a bare % before the @; {HOW_TO_ENCODE}"
    if _host(address):
        return ""
    if password_may_be_raw(address):
        return f"user and password end at the first #, / or ?; {HOW_TO_ENCODE}"
    return mark("the address needs a host, and a port from 1 to 65535 if any: rtsp://host:554/path")


def password_may_be_raw(address: str) -> bool:
    """Whether an @ stands behind the place where user and password end, which may be a part of the path, too."""
    return "@" in address and "@" not in re.split(r"[/?#]", address.partition("//")[2], maxsplit=1)[0]


def _host(address: str) -> str | None:
    """The host; None where it or its port cannot be one."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(address)
        if parts.port != 0:
            return parts.hostname
    return None
