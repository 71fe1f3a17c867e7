"""The connections of a page's server: not too many, none that holds a seat for nothing, all ended at its end."""

from __future__ import annotations

import asyncio
from typing import cast

MAX_CONNECTIONS = 200
HEAD_SECONDS = 10.0  # within which a connection has to send its next request, from its beginning or its last answer
STREAM_SECONDS = 5.0  # after which an answer is one that never ends by itself: a stream of events


class Connections:
    """The open connections. When there are too many, one makes room for the next.

    First one that waits for a question, a stranger's before all others; else the oldest stream of events, whose page
    opens it again by itself.
    """

    def __init__(self) -> None:
        self._open: dict[asyncio.Transport, GuardedProtocol] = {}
        self._closed = False

    def add(self, transport: asyncio.Transport, connection: GuardedProtocol) -> bool:
        """Whether there is room for one more; if not, it is aborted."""
        if not self._closed and len(self._open) >= MAX_CONNECTIONS:
            idle = self._least_needed()
            if idle is not None:
                self.discard(idle)
                idle.abort()
        if self._closed or len(self._open) >= MAX_CONNECTIONS:
            transport.abort()
            return False
        self._open[transport] = connection
        return True

    def _least_needed(self) -> asyncio.Transport | None:
        """Whose seat is given away; None while all are being answered."""
        streams_since = asyncio.get_running_loop().time() - STREAM_SECONDS
        found = [each for each in self._open.items() if each[1].waiting or each[1].since < streams_since]
        found.sort(key=lambda each: (not each[1].waiting, each[1].trusted, each[1].since))
        return found[0][0] if found else None

    def discard(self, transport: asyncio.Transport) -> None:
        """One has ended."""
        self._open.pop(transport, None)

    def of(self, client: tuple[str, int] | None) -> GuardedProtocol | None:
        """The connection from an address and port, if it is open: what an ASGI scope says of it."""
        return next((each for each in self._open.values() if each.client == client), None)

    def abort_all(self) -> None:
        """End them at once, also a live picture that would never end by itself."""
        self._closed = True
        for transport in list(self._open):
            transport.abort()


class GuardedProtocol(asyncio.Protocol):
    """Closes a connection that is not being answered and asks for nothing; uvicorn's protocol is within.

    Of uvicorn it needs only what `Config.http` documents: a class of asyncio protocols.

    Args:
        connections: All that are open.
        inner: uvicorn's own protocol for this connection.
    """

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._transport: asyncio.Transport | None = None  # None: not let in
        self._timer: asyncio.TimerHandle | None = None
        self._answering = 0  # the next answer may begin before the program of the last has run to its end
        self.client: tuple[str, int] | None = None
        """Whose it is: address and port."""
        self.since = 0.0
        """When it began to wait, or to be answered, in seconds of the loop."""
        self.trusted = False
        """Whether it has shown the token."""

    @property
    def waiting(self) -> bool:
        """Whether it is not being answered."""
        return self._timer is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, if there is room; it has to ask for something soon."""
        stream = cast("asyncio.Transport", transport)
        if self._connections.add(stream, self):
            self._transport = stream
            peer = transport.get_extra_info("peername")
            self.client = (str(peer[0]), int(peer[1])) if peer else None
            self._inner.connection_made(transport)
            self._wait()

    def asked(self) -> None:
        """A whole head has come: from now on the time is ours."""
        self._answering += 1
        self.since = asyncio.get_running_loop().time()
        self._cancel()

    def answered(self) -> None:
        """An answer has ended; without another, it waits for the next question, also while half of it has come."""
        self._answering -= 1
        if not self._answering:
            self._wait()

    def _wait(self) -> None:
        self._cancel()
        if self._transport is not None:
            loop = asyncio.get_running_loop()
            self.since = loop.time()
            self._timer = loop.call_later(HEAD_SECONDS, self._transport.abort)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Cut it, in the middle of an answer too."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
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
            self._transport = None
            self._cancel()
            self._inner.connection_lost(error)
