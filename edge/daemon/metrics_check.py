"""Whether Prometheus would be answered where the configuration says."""

from __future__ import annotations

import errno
import socket
import time
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from edge.daemon.metrics_server import PROGRAM, REMEDY, cannot_listen, time_limit
from edge.errors import EdgeError
from edge.text import printable

if TYPE_CHECKING:
    from edge.config.schema import Config

ANSWER_SECONDS = 5.0
MAX_ANSWER = 1_000_000  # bytes that are read
UNNAMED = ("", "")  # a daemon that does not say of which room it is: one of a former version


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
            if room == UNNAMED:
                found = "a daemon answers that does not say of which room it is: check again once it was restarted"
                return f"{address}, where {found}"
            problem += f": the daemon of {printable('/'.join(room), 200)} answers there"
            remedy += "; if that is this room under its former name, reload it"
        raise EdgeError(problem, remedy) from None
    return address


def room_at(host: str, port: int) -> tuple[str, str] | None:
    """Which room's daemon answers there: prefix and name, or `UNNAMED`; None: another program.

    Takes `ANSWER_SECONDS` at most, and so long only for what is slow, or a daemon that does not say it.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    while (found := _ask(host, port, deadline)) == UNNAMED and time.monotonic() < deadline:
        time.sleep(0.2)  # a daemon that has just begun knows nothing yet
    return found


def _ask(host: str, port: int, deadline: float) -> tuple[str, str] | None:
    left = max(0.01, deadline - time.monotonic())
    connection = HTTPConnection(host, port, timeout=left)
    try:
        connection.connect()
        with time_limit(connection.sock, left):
            connection.request("GET", "/metrics", headers={"Host": "localhost"})
            answer = connection.getresponse()
            text = answer.read(MAX_ANSWER).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "edge_device_info":
                    return sample.labels["prefix"], sample.labels["name"]
        return UNNAMED if answer.headers.get("Server", "").strip() == PROGRAM else None
    except (OSError, HTTPException, ValueError, KeyError):
        return None  # another program, whatever it says
    finally:
        connection.close()
