"""The connections of a page's server: not too many, none that holds a seat for nothing, all ended at its end."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, cast

MAX_CONNECTIONS = 200
HEAD_SECONDS = 10.0  # within which a connection has to send its next request, from its beginning or its last answer


class Owner(NamedTuple):
    """Who has connections: a visitor with a token, or an address that has not shown one."""

    trusted: bool
    name: str


class Connections:
    """The open connections. When there are too many, one makes room for the next, whatever it does.

    Strangers make room before visitors, and among either whoever has most connections: so nobody holds more than an
    even share, however often they are opened anew. Of a visitor's own the first to go is one that waits for a question,
    and then the oldest answer, which is a stream of events: its page opens it again by itself.
    """

    def __init__(self) -> None:
        self._open: dict[asyncio.Transport, GuardedProtocol] = {}
        self._owned: dict[Owner, dict[asyncio.Transport, GuardedProtocol]] = {}  # each in the order they came
        self._closed = False

    def add(self, transport: asyncio.Transport, connection: GuardedProtocol) -> bool:
        """Whether it is let in; if not, it is aborted."""
        if self._closed:
            transport.abort()
            return False
        if len(self._open) >= MAX_CONNECTIONS:
            idle = self._least_needed()
            self.discard(idle)
            idle.abort()
        self._seat(transport, connection)
        return True

    def _least_needed(self) -> asyncio.Transport:
        """Whose seat is given away."""
        owner, owned = min(self._owned.items(), key=lambda each: (each[0].trusted, -len(each[1])))
        if not owner.trusted:
            return next(iter(owned))  # whatever it has sent: half a form takes a seat as silence does
        return min(owned, key=lambda each: (not owned[each].waiting, owned[each].since))

    def let_in(self, connection: GuardedProtocol, visitor: str) -> None:
        """A connection has shown a token, or needs none."""
        transport, owner = connection.transport, Owner(trusted=True, name=visitor)
        if transport is not None and transport in self._open and connection.owner != owner:
            self.discard(transport)
            connection.owner = owner
            self._seat(transport, connection)

    def _seat(self, transport: asyncio.Transport, connection: GuardedProtocol) -> None:
        self._open[transport] = connection
        self._owned.setdefault(connection.owner, {})[transport] = connection

    def discard(self, transport: asyncio.Transport) -> None:
        """One has ended."""
        connection = self._open.pop(transport, None)
        if connection is not None:
            owned = self._owned[connection.owner]
            del owned[transport]
            if not owned:
                del self._owned[connection.owner]

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
        self.transport: asyncio.Transport | None = None
        """None: not let in, or ended."""
        self._timer: asyncio.TimerHandle | None = None
        self._answering = 0  # the next answer may begin before the program of the last has run to its end
        self.client: tuple[str, int] | None = None
        """Where it comes from: address and port."""
        self.since = 0.0
        """When it began to wait, or to be answered, in seconds of the loop."""
        self.owner = Owner(trusted=False, name="")
        """Whose it is."""

    @property
    def waiting(self) -> bool:
        """Whether it is not being answered."""
        return self._timer is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, if there is room; it has to ask for something soon."""
        stream = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.client = (str(peer[0]), int(peer[1])) if peer else None
        self.owner = Owner(trusted=False, name=str(peer[0]) if peer else "")
        if self._connections.add(stream, self):
            self.transport = stream
            self._inner.connection_made(transport)
            self._wait()

    def let_in(self, visitor: str) -> None:
        """It has shown a token, or needs none: from now on it is one of this visitor's."""
        self._connections.let_in(self, visitor)

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
        if self.transport is not None:
            loop = asyncio.get_running_loop()
            self.since = loop.time()
            self._timer = loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Cut it, in the middle of an answer too."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received() if self.transport is not None else None

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Make room for another."""
        if self.transport is not None:
            self._connections.discard(self.transport)
            self.transport = None
            self._cancel()
            self._inner.connection_lost(error)
