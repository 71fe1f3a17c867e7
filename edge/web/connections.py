"""The connections of a page's server: not too many, none that asks for nothing, and all ended at once when it ends."""

from __future__ import annotations

import asyncio
import re
from typing import cast

MAX_CONNECTIONS = 200
FIRST_SECONDS = 10.0  # within which a new connection has to ask for something
END_OF_HEAD = re.compile(rb"\n\r?\n")
TAIL = 2  # bytes of what came before in which the end of a head may begin


class Connections:
    """The open connections, of which there are not too many, and none any more once all were aborted."""

    def __init__(self) -> None:
        self._transports: set[asyncio.Transport] = set()
        self._closed = False

    def add(self, transport: asyncio.Transport) -> bool:
        """Whether there is room for one more; if not, it is aborted."""
        if self._closed or len(self._transports) >= MAX_CONNECTIONS:
            transport.abort()
            return False
        self._transports.add(transport)
        return True

    def discard(self, transport: asyncio.Transport) -> None:
        """One has ended."""
        self._transports.discard(transport)

    def abort_all(self) -> None:
        """End them at once, also a live picture that would never end by itself."""
        self._closed = True
        for transport in list(self._transports):
            transport.abort()


class GuardedProtocol(asyncio.Protocol):
    """Closes connections that ask for nothing, before they keep everybody else out; uvicorn's protocol is within.

    Of uvicorn it needs only what `Config.http` documents: a class of asyncio protocols.

    Args:
        connections: All that are open.
        inner: uvicorn's own protocol for this connection.
    """

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._transport: asyncio.Transport | None = None  # None: not let in
        self._asked = False  # a whole head of a request has come
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, if there is room; it has to ask for something soon."""
        stream = cast("asyncio.Transport", transport)
        if self._connections.add(stream):
            self._transport = stream
            self._inner.connection_made(transport)
            asyncio.get_running_loop().call_later(FIRST_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Pass it on, and notice the end of the first head."""
        if not self._asked:
            self._asked = END_OF_HEAD.search(self._tail + data) is not None
            self._tail = (self._tail + data)[-TAIL:]
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received() if self._transport is not None else None

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Make room for another."""
        if self._transport is not None:
            self._connections.discard(self._transport)
            self._inner.connection_lost(error)

    def _give_up(self) -> None:
        if not self._asked and self._transport is not None:
            self._transport.abort()
