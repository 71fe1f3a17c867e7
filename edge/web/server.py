"""Web pages that people open: who may see them, and what every answer carries. The daemon itself serves none."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import logging
import re
import secrets
import socket
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.errors import ConfigError, EdgeError
from edge.files.bounded_read import read_file
from edge.web.connections import Connections, GuardedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

MAX_URL = 2048  # bytes of path and query
MAX_HEAD = 16384  # bytes of a request before its body
BACKLOG = 256  # connections taken at once: with those that are open they stay below 1,024 descriptors
MAX_BODY = 65536  # bytes, of the routes that take one at all
TOKEN_PATTERN = r"[A-Za-z0-9._~-]{16,256}"  # noqa: S105 - what a token looks like; it fits into an address as it is

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer that does not set its own."""

CONNECTION = "edge.connection"  # in a scope
_TRICKS = re.compile(rb"%(2e|2f|5c|[01][0-9a-f]|7f)|[\\\x00-\x20\x7f]|//|/\.\.?(/|$)", re.IGNORECASE)


def check_binding(host: str, token: str | None) -> None:
    """Refuse to listen beyond this machine without a token.

    Args:
        host: An address of this machine, or `localhost`.
        token: What visitors have to know.

    Raises:
        ConfigError: Others could look in, and nothing keeps them out.
    """
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"--host {host} lets other machines look in",
            "give a --token-file as well (to make one: umask 077; openssl rand -hex 16 > token), or stay on 127.0.0.1 "
            "and use ssh -L",
        )


def is_loopback(host: str) -> bool:
    """Whether a host name, without port and brackets, can only mean the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_token(path: Path) -> str:
    """The token in a file; a file that others may read is warned about.

    Raises:
        ConfigError: It cannot be read, or what it holds could be guessed.
    """
    try:
        token = read_file(path, 4096).decode("ascii").strip()
        shared = path.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not plain text"
        # Somebody may have given the token itself.
        name = "(a word)" if not path.exists() and re.fullmatch(TOKEN_PATTERN, str(path)) else path
        raise ConfigError(f"--token-file {name} cannot be read ({reason})", "it names a file with one word") from None
    if not re.fullmatch(TOKEN_PATTERN, token):
        raise ConfigError(
            f"--token-file {path} holds no usable token",
            "16 to 256 letters and digits, such as: openssl rand -hex 16",
        )
    if shared:
        logger.warning("others on this machine can read the token in %s: chmod 600 %s", path, path)
    return token


def application(
    routes: Sequence[BaseRoute],
    *,
    token: str | None,
    hosts: Sequence[str] | None = None,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """Routes behind one gate. They answer GET and HEAD, or the methods that they declare.

    Args:
        routes: The pages.
        token: What visitors have to know, as `?token=` once or as `Authorization: Bearer`; None: all may look.
        hosts: Names in the address bar that are allowed beside those of this machine. None: any, if there is a
            token; a page from elsewhere that gives its own name our address (DNS rebinding) does not know that.
        lifespan: What runs before the first and after the last answer.
    """
    allowed = () if hosts is None and token is None else hosts
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(_Gate, token=token, hosts=allowed)])


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
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise EdgeError(
            f"cannot listen on {host} port {port} ({error.strerror or error})",
            "is it running already? give another --port; --host is an address of this machine",
        ) from None


class _Server(uvicorn.Server):
    """Ends at once, and leaves signals to nobody else: the caller goes on after `run` and tidies up.

    Args:
        app: What is served.
        on_started: Called once it answers, with a function that ends it from any thread.
    """

    def __init__(self, app: ASGIApp, on_started: Callable[[Callable[[], None]], None]) -> None:
        self._app = app
        self._on_started = on_started
        self._connections = Connections()
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

    def stop(self) -> None:
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._connections.abort_all)

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002 - uvicorn's signature
        self.stop()

    def _protocol(self, **parts: Any) -> GuardedProtocol:  # noqa: ANN401 - uvicorn's own, handed through
        return GuardedProtocol(self._connections, H11Protocol(**parts))

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
        connection = self._connections.of(scope["client"])
        if connection is None:  # it had to make room
            return
        scope[CONNECTION] = connection
        connection.asked()
        try:
            await self._app(scope, receive, send)
        finally:
            connection.answered()


class _Gate:
    """Lets through what is small, straight, asked under a known name, and by somebody who knows the token."""

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Sequence[str] | None) -> None:
        self._app = app
        self._token = token
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        # Cookies know no ports: two pages of one machine must not overwrite each other's.
        self._cookie = f"edge-{hashlib.sha256((token or '').encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope) or self._unknown_visitor(scope)
        if answer is None:
            scope[CONNECTION].trusted = True
        await (answer or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:  # noqa: PLR0911 - one sentence for each reason
        """Why a request is not looked at any further."""
        connection = HTTPConnection(scope)
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_URL:
            return _say("This address is too long.", 414)
        if (
            sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD
        ):  # h11 lets pass what came at once
            return _say("This request is too large.", 431)
        if _TRICKS.search(scope["raw_path"]):
            return _say("There is no such page.", 404)
        if not self._known(connection.headers.get("host", "")):
            return _say("Open this page under the address that was printed when it started.", 421)
        if _from_another_site(connection):
            return _say("Another site's page asks for this one.", 403)
        # Without a length a body could go on for ever; h11 holds everybody to the length they give.
        if "transfer-encoding" in connection.headers or int(connection.headers.get("content-length", "0")) > MAX_BODY:
            return _say("This request is too large.", 413)
        return None

    def _known(self, host: str) -> bool:
        name = re.sub(r":\d*$", "", host).strip("[]").lower()
        return self._hosts is None or is_loopback(name) or name in self._hosts

    def _unknown_visitor(self, scope: Scope) -> Response | None:
        """Nothing for those who have shown the token before; for others an answer."""
        if self._token is None:
            return None
        connection = HTTPConnection(scope)
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return None if self._right(bearer.strip()) else _say("This token is not the right one.", 403)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == "token"]
        if given:
            if not self._right(given[0]):
                return _say("This token is not the right one.", 403)
            return self._remember(scope, [pair for pair in query if pair[0] != "token"])
        if self._right(connection.cookies.get(self._cookie, "")):
            return None
        return _say("Open the whole address that was printed when this page started: it ends in ?token=...", 403)

    def _remember(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        """Give the browser a cookie, and take the token out of its address bar and history."""
        # Relative: a proxy may serve us under a path that we do not know.
        page = "./" + scope["raw_path"].decode("latin-1").rpartition("/")[2]
        answer = RedirectResponse(f"{page}?{urlencode(query)}" if query else page, 303)
        answer.set_cookie(self._cookie, str(self._token), httponly=True, samesite="strict")
        return answer

    def _right(self, word: str) -> bool:
        return secrets.compare_digest(word.encode(errors="replace"), str(self._token).encode())


def _from_another_site(connection: HTTPConnection) -> bool:
    """Whether another site's page has its visitor's browser ask for us: no link that somebody follows."""
    headers = connection.headers
    return headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"


def _say(sentence: str, status: int) -> Response:
    return PlainTextResponse(f"{sentence}\n", status)
