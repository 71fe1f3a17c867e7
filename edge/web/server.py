"""The server of a page that people open: where it listens, with which token. The daemon itself serves none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.config.host_names import is_loopback
from edge.errors import ConfigError, EdgeError
from edge.files.bounded_read import read_file
from edge.files.presence import is_there
from edge.web.connections import GuardedProtocol
from edge.web.gate import CONNECTION, MAX_HEAD, Gate
from edge.web.seats import SEATS, Seats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

    from edge.web.keys import Keys

logger = logging.getLogger(__name__)

BACKLOG = SEATS["stranger"] // 10  # connections taken in a pass of the event loop: heads are heard five passes later
QUEUE = 4096  # that wait for it in the kernel, in turn: who finds it full comes again after a second, then after three
READ_BYTES = 16384  # at once
SEND_BYTES = 65536  # that the kernel keeps of an answer that nobody takes; it doubles this, and by itself it kept 4 MB
TOKEN_PATTERN = r"[A-Za-z0-9._~-]{16,256}"  # noqa: S105 - what a token looks like; it fits into an address as it is

DISTINCT = 8  # characters; 32 random hexadecimal digits have fewer once in 28 million tokens


def check_binding(host: str, *, guarded: bool) -> None:
    """Refuse to listen beyond this machine without a token.

    Args:
        host: An address of this machine, or `localhost`.
        guarded: Whether visitors have to show a token.

    Raises:
        ConfigError: Others could look in, and nothing keeps them out.
    """
    if not guarded and not is_loopback(host):
        raise ConfigError(
            f"--host {host} lets other machines look in",
            "give a --token-file as well (to make one: umask 077; openssl rand -hex 16 > token), for edge dashboard an "
            "--access-file, or stay on 127.0.0.1 and use ssh -L",
        )


def read_token(path: Path) -> str:
    """The token in a file; one that could be guessed is warned about, and so is a file that others may read.

    Raises:
        ConfigError: It cannot be read, or it holds no token.
    """
    try:
        token = read_file(path, 4096).decode("ascii").strip()
        shared = path.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not plain text"
        # Somebody may have given the token itself.
        name = "(a word)" if not is_there(path) and re.fullmatch(TOKEN_PATTERN, str(path)) else path
        closed = isinstance(error, PermissionError)
        remedy = "let this user read it" if closed else "make it: (umask 077; openssl rand -hex 16 > FILE)"
        raise ConfigError(f"--token-file {name} cannot be read ({reason})", remedy) from None
    if not re.fullmatch(TOKEN_PATTERN, token):
        raise ConfigError(
            f"--token-file {path} holds no usable token",
            "16 to 256 letters and digits, such as: openssl rand -hex 16",
        )
    if _could_be_guessed(token):
        logger.warning(
            "the token in %s could be guessed; make a random one: (umask 077; openssl rand -hex 16 > %s)", path, path
        )
    if shared:
        logger.warning("others on this machine can read the token in %s: chmod 600 %s", path, path)
    return token


def _could_be_guessed(token: str) -> bool:
    """Whether it has too few characters for 128 random bits. Of a long one made up by a person nobody can tell."""
    least = 32 if re.fullmatch("[0-9a-f]*|[0-9A-F]*", token) else 22
    return len(token) < least or len(set(token)) < DISTINCT


def application(
    routes: Sequence[BaseRoute],
    *,
    keys: Keys | None,
    hosts: Sequence[str] | None = None,
    public_url: str | None = None,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """Routes behind one gate. They answer GET and HEAD, or the methods that they declare.

    Args:
        routes: The pages.
        keys: What visitors have to show, in the page's field, as `?token=` once, or as `Authorization: Bearer`; None:
            all may look.
        hosts: Names in the address bar that are allowed beside those of this machine. None: any, if there are
            tokens; a page from elsewhere that gives its own name our address (DNS rebinding) does not know them.
        public_url: Where a proxy shows the page: `https://school.example/rooms/`.
        lifespan: What runs before the first and after the last answer.
    """
    allowed = () if hosts is None and keys is None else hosts
    gate = Middleware(Gate, keys=keys, hosts=allowed, public_url=public_url)
    return Starlette(routes=routes, lifespan=lifespan, middleware=[gate])


def serve(
    app: Starlette,
    host: str,
    port: int,
    on_started: Callable[[int, Callable[[], None]], None] = lambda _port, _stop: None,
) -> None:
    """Answer until SIGINT or SIGTERM, in the calling thread; open connections are then cut at once.

    Args:
        app: From `application`.
        host: Address of this machine to listen on; see `check_binding`.
        port: 0 takes a free one.
        on_started: Called once it listens, with the port, and with a function that ends it from any thread.

    Raises:
        EdgeError: The port is taken, or the address is not of this machine.
    """
    listener = _listen(host, port)
    server = _Server(app, lambda stop: on_started(listener.getsockname()[1], stop))
    try:
        server.run([listener])
    finally:
        listener.close()
    if server.failure is not None:
        raise server.failure


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise EdgeError(
            f"cannot listen on {host} port {port} ({error.strerror or error})",
            "is it running already? give another --port; --host is an address of this machine",
        ) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)  # of all connections that come from now on
    return listener


class _Server(uvicorn.Server):
    """Ends at once, and leaves signals to nobody else: the caller goes on after `run` and tidies up.

    Args:
        app: What is served.
        on_started: Called once it answers, with a function that ends it from any thread.
    """

    def __init__(self, app: ASGIApp, on_started: Callable[[Callable[[], None]], None]) -> None:
        self._app = app
        self._on_started = on_started
        self._seats = Seats()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._loop: asyncio.AbstractEventLoop | None = None
        self.failure: Exception | None = None
        """What `on_started` raised."""
        super().__init__(
            uvicorn.Config(
                self._announcing,
                interface="asgi3",
                http=cast("type[asyncio.Protocol]", self._protocol),
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,  # addresses may carry the token
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                h11_max_incomplete_event_size=MAX_HEAD,
                timeout_graceful_shutdown=2,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn, whose `backlog` is both what waits and what is taken at once."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(QUEUE)

    def stop(self) -> None:
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._seats.end_all)

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002 - uvicorn's signature
        self.stop()

    def _protocol(self, **parts: Any) -> GuardedProtocol:  # noqa: ANN401 - uvicorn's own, handed through
        return GuardedProtocol(self._seats, H11Protocol(**parts), self._buffer)

    async def _announcing(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_announce(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                try:
                    self._on_started(self.stop)
                except Exception as error:  # noqa: BLE001 - raised by `serve`, not logged by uvicorn
                    self.failure = error
                    self.stop()

        if scope["type"] == "lifespan":
            self._loop = asyncio.get_running_loop()
            await self._app(scope, receive, send_and_announce)
            return
        # Known by its address: the ASGI scope says no more of a connection.
        connection = self._seats.of(scope["client"])
        if connection is None:  # it had to make room
            while (await receive())["type"] != "http.disconnect":  # uvicorn logs answers that are missing before
                pass
            return
        scope[CONNECTION] = connection
        connection.asked()
        try:
            await self._app(scope, receive, send)
        finally:
            connection.answered()
