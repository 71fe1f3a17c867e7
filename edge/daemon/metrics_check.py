"""Whether Prometheus would be answered where the configuration says."""

from __future__ import annotations

import errno
import socket
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from edge.daemon.metrics_server import REMEDY, cannot_listen
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.config.schema import MetricsConfig

ANSWER_SECONDS = 5.0


def check_metrics(config: MetricsConfig) -> str:
    """Listen for a moment, or find the daemon that does.

    Args:
        config: Where; it has a port.

    Returns:
        What was found, in words.

    Raises:
        EdgeError: The port is taken, or the address is not of this machine.
    """
    port = config.port or 0
    address = f"{config.host} port {port}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the daemon does it
            probe.bind((config.host, port))
    except (OSError, UnicodeError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        if taken and _is_edge(config.host, port):
            return f"{address}, where an edge daemon answers now"
        raise EdgeError(cannot_listen(config.host, port, error), REMEDY) from None
    return address


def _is_edge(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().getheader("Server", "").strip() == "edge"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
