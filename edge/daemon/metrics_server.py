"""Answers Prometheus over HTTP: few at a time, each within seconds, so that nobody who reaches the port costs much."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import choose_encoder

from edge.config.host_names import is_loopback, name_in

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

logger = logging.getLogger(__name__)

PROGRAM = "edge"  # what the header `Server` says
REMEDY = "set metrics.port to a free one; metrics.host is an address of this machine"
TRY_AGAIN = 30.0  # seconds until a port or address that could not be had is tried again
STOP_SECONDS = 5.0  # a server ends within one; a look-up of its name may take longer, and is left to itself
AT_ONCE = 8  # connections that are answered; for one more the oldest is closed, which an honest one never is for long
SECONDS = 10.0  # that one may last
MAX_HEAD = 8192  # bytes of a request that are read; those of Prometheus have 300


class MetricsServer:
    """A listening port, which answers from threads of its own.

    One that cannot be had is no error, as the room is counted without it: the address may come with DHCP, after the
    daemon, and another program may let go of the port. It is tried again until it is there.

    Args:
        host: Address of this machine.
        port: Of TCP.
        registry: What is told.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self._where = (host, port)
        self._registry = registry
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to listen, soon; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer."""
        with self._lock:
            self._stopping.set()
            server = self._server
        if server is not None:
            server.shutdown()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        server = self._listen()
        if server is None:
            return
        try:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._server = server  # `stop` waits for what follows
            logger.info("metrics for Prometheus: http://%s:%d/metrics", *self._where)
            server.serve_forever()
        finally:
            server.server_close()

    def _listen(self) -> _Server | None:
        """A server that listens; None: it is not wanted any more."""
        kind = _IPv6Server if ":" in self._where[0] else _Server
        warned = False
        while not self._stopping.is_set():
            try:
                return kind(self._where, partial(_Handler, self._registry))
            except (OSError, UnicodeError) as error:  # the latter of a name that can be none
                if not warned:
                    problem = cannot_listen(*self._where, error)
                    logger.warning("%s: %s; trying again every %g s", problem, REMEDY, TRY_AGAIN)
                warned = True
            self._stopping.wait(TRY_AGAIN)
        return None


@contextlib.contextmanager
def time_limit(connection: socket.socket, seconds: float) -> Iterator[None]:
    """Hang up after a time that counts from now; the one of a socket counts from its last byte."""
    limit = threading.Timer(seconds, _hang_up, (connection,))
    limit.daemon = True
    limit.start()
    try:
        yield
    finally:
        limit.cancel()


def cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> str:
    """The problem in a sentence."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"metrics: cannot listen on {host} port {port} ({reason})"


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
        try:
            with time_limit(request, SECONDS):
                super().process_request_thread(request, client_address)
        finally:
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
    server_version = PROGRAM
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
        # A page may give its own name our address.
        if is_loopback(self.connection.getsockname()[0]) and not is_loopback(name):
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
