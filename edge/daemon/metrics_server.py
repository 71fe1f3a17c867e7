"""Answers Prometheus over HTTP: few at a time, each within seconds, so that nobody who reaches the port costs much."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections import deque
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import choose_encoder

from edge.config.host_names import is_loopback, name_in
from edge.errors import ConfigError

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

AT_ONCE = 8  # connections that are answered; for one more the oldest is closed, which an honest one never is for long
SECONDS = 10.0  # that one may last
MAX_HEAD = 8192  # bytes of a request that are read; those of Prometheus have 300


class MetricsServer:
    """A listening port; it answers from threads of its own once it is started.

    Args:
        host: Address of this machine.
        port: 0 takes a free one.
        registry: What is told.

    Raises:
        ConfigError: The port is taken, or the address is not of this machine.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        kind = _IPv6Server if ":" in host else _Server
        try:
            self._server = kind((host, port), partial(_Handler, registry))
        except OSError as error:
            raise ConfigError(
                f"metrics: cannot listen on {host} port {port} ({error.strerror or error})",
                "set metrics.port to a free one; metrics.host is an address of this machine",
            ) from None
        self.port = int(self._server.server_address[1])
        """Where it listens."""
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, where: tuple[str, int], handler: Any) -> None:  # noqa: ANN401 - as socketserver has it
        self._lock = threading.Lock()
        self._open: deque[socket.socket] = deque()  # in the order in which they came
        super().__init__(where, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        with self._lock:
            if len(self._open) >= AT_ONCE:
                _hang_up(self._open.popleft())
            self._open.append(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        # The time limit of a socket counts from its last byte; this one counts from the first.
        limit = threading.Timer(SECONDS, _hang_up, (request,))
        limit.daemon = True
        limit.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            limit.cancel()
            with self._lock, contextlib.suppress(ValueError):  # it made room
                self._open.remove(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """A visitor who went away is no event."""


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


class _Head(io.BufferedIOBase):
    """The first bytes of a request: the library would take a hundred lines of 64 KB, and parse them."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        self._left = MAX_HEAD

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line, or what of it is still allowed; then nothing, as of a visitor who left."""
        line = self._file.readline(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(line)
        return line

    @property
    def exhausted(self) -> bool:
        """Whether there was more than may be."""
        return self._left <= 0

    def close(self) -> None:
        """Close what it reads from."""
        self._file.close()
        super().close()


class _Handler(BaseHTTPRequestHandler):
    server_version = "edge"
    sys_version = ""

    def __init__(self, registry: CollectorRegistry, *rest: Any) -> None:  # noqa: ANN401
        self._registry = registry
        super().__init__(*rest)

    def setup(self) -> None:
        """As the library's, with an end to what is read of a visitor."""
        super().setup()
        self.rfile = self._head = _Head(self.rfile)

    def do_GET(self) -> None:
        if self._head.exhausted:
            self.send_error(431, "The request is too long")
            return
        name = name_in(self.headers.get("Host", ""))
        if is_loopback(self.connection.getsockname()[0]) and not is_loopback(
            name
        ):  # a page that gives its name our address
            self.send_error(421, "Ask under the name of this machine")
            return
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, "There is only /metrics")
            return
        encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
        text = encoder(self._registry)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nobody needs a line for every answer."""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is gone
        connection.shutdown(socket.SHUT_RDWR)
