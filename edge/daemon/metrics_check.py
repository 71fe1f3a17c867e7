"""Whether Prometheus would be answered where the configuration says."""

from __future__ import annotations

import errno
import socket
import time
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from edge.daemon.metrics_server import REMEDY, cannot_listen
from edge.errors import EdgeError
from edge.text import printable

if TYPE_CHECKING:
    from edge.config.schema import Config

ANSWER_SECONDS = 5.0
MAX_ANSWER = 1_000_000  # bytes that are read


def check_metrics(config: Config) -> str:
    """Listen for a moment, or find the daemon of this room that does.

    Args:
        config: Of the room; `metrics` has a port.

    Returns:
        What was found, in words.

    Raises:
        EdgeError: The port is taken, also by the daemon of another room, or the address is not of this machine.
    """
    host, port = config.metrics.host, config.metrics.port or 0
    address = f"{host} port {port}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the daemon does it
            probe.bind((host, port))
    except (OSError, UnicodeError) as error:
        problem, remedy = cannot_listen(host, port, error), REMEDY
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE and (room := room_at(host, port)):
            if room == (config.device.prefix, config.device.name):
                return f"{address}, where the daemon of this room answers now"
            problem += f": the daemon of {printable('/'.join(room), 200)} answers there"
            remedy += "; if that is this room under its former name, reload it"
        raise EdgeError(problem, remedy) from None
    return address


def room_at(host: str, port: int) -> tuple[str, str] | None:
    """Which room's daemon answers there: prefix and name; None: nobody says so. Takes some seconds at most."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while (found := _ask(host, port)) is None and time.monotonic() < deadline:
        time.sleep(0.2)  # a daemon that has just begun knows nothing yet
    return found


def _ask(host: str, port: int) -> tuple[str, str] | None:
    connection = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/metrics", headers={"Host": "localhost"})
        text = connection.getresponse().read(MAX_ANSWER).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "edge_device_info":
                    return sample.labels["prefix"], sample.labels["name"]
    except (OSError, HTTPException, ValueError, KeyError):
        return None  # another program, whatever it says
    finally:
        connection.close()
    return None
