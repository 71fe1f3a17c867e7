"""Names of hosts, as they are configured and as visitors call us."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib.parse import SplitResult


def is_loopback(host: str) -> bool:
    """Whether a host name, without port and brackets, can only mean the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def name_in(header: str) -> str:
    """The name in a `Host` header: without port and brackets, in small letters."""
    return re.sub(r":\d*$", "", header).strip("[]").lower()


def is_address(host: str) -> bool:
    """Whether a host name, without port and brackets, is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def in_origin(url: SplitResult) -> str:
    """Name and port as browsers put them into an `Origin`."""
    return url.netloc.lower().removesuffix(":443" if url.scheme == "https" else ":80")
