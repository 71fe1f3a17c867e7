"""Names of hosts, as they are configured and as visitors call us."""

from __future__ import annotations

import ipaddress
import re


def is_loopback(host: str) -> bool:
    """Whether a host name, without port and brackets, can only mean the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def name_in(header: str) -> str:
    """The name in a `Host` header: without port and brackets, in small letters."""
    return re.sub(r":\d*$", "", header).strip("[]").lower()
