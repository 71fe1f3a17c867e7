"""Whether an address lies in the local network, where no HTTP proxy stands between."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


def is_local(address: str) -> bool:
    """Whether the host of a URL is on this machine or in a private network; False where its name is unknown."""
    try:
        host = urlsplit(address).hostname or ""
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
        return bool(found) and not any(ipaddress.ip_address(entry[4][0]).is_global for entry in found)
    except (ValueError, OSError):  # UnicodeError, a ValueError: a name that cannot be a host's
        return False
