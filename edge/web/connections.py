"""One connection of a page's server: cut when it asks for nothing, or for too much.

Lines are counted before anything is parsed: 4,000 short ones of a head take the parser 10 ms, in which nobody else is
answered. Bytes are read so few at once that uvicorn's own limits hold: it reads no more while an answer goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import cast

from edge.web.seats import Owner, Seats

HEAD_SECONDS = 10.0  # within which a connection has to send its next request, from its beginning or its last answer
MAX_LINES = 100  # of a request; browsers and proxies send 40 at most, and pages no line breaks in a body
NO_WAIT = struct.pack("ii", 1, 0)  # of the kernel, for what was sent last
REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 27\r\n"
    b"Connection: close\r\n\r\nThis request is too large.\n"
)


class GuardedProtocol(asyncio.BufferedProtocol):
    """Closes a connection that is not being answered and asks for nothing; uvicorn's protocol is within.

    Of uvicorn it needs only what `Config.http` documents: a class of asyncio protocols.

    Args:
        seats: Those of the page.
        inner: uvicorn's own protocol for this connection.
        buffer: Where what comes is read into, the same for all: it is passed on before anything else is read.
            asyncio's own buffers, of 256 KB for each connection, add up.
    """

    def __init__(self, seats: Seats, inner: asyncio.Protocol, buffer: memoryview) -> None:
        self._seats = seats
        self._inner = inner
        self._buffer = buffer
        self.transport: asyncio.Transport | None = None
        """None: not let in, or ended."""
        self._timer: asyncio.TimerHandle | None = None
        self._answering = 0  # the next answer may begin before the program of the last has run to its end
        self.client: tuple[str, int] | None = None
        """Where it comes from: address and port."""
        self.since = 0.0
        """When it began to wait, or to be answered, in seconds of the loop."""
        self.owner = Owner("stranger", "")
        """Whose it is; only `Seats` changes it."""
        self._heard = False
        self._lines = 0  # since a head had come, or an answer ended

    @property
    def ended(self) -> bool:
        """Whether nobody can read an answer any more."""
        return self.transport is None

    @property
    def heard(self) -> bool:
        """Whether the head of a request has come, or none will."""
        return self._heard or self.transport is None or self.transport.is_closing()

    @property
    def waiting(self) -> bool:
        """Whether it is not being answered."""
        return self._timer is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, if there is room; it has to ask for something soon."""
        stream = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.client = (str(peer[0]), int(peer[1])) if peer else None
        self.owner = self._stranger()
        if not self._seats.take(self):
            stream.abort()
            return
        self.transport = stream
        self._inner.connection_made(transport)
        self._wait()

    def shown(self, owner: Owner | None) -> None:
        """Whose it is from now on, by what its request has shown; None: a stranger's."""
        self._seats.hand_over(self, owner or self._stranger())

    def stay(self) -> bool:
        """The answer that is about to begin goes on for long. False: there is no room for that; see `Seats`."""
        return self._seats.stay(self)

    def _stranger(self) -> Owner:
        return Owner("stranger", "" if self.client is None else self.client[0])

    def asked(self) -> None:
        """A whole head has come: from now on the time is ours."""
        self._heard = True
        self._answering += 1
        self._lines = 0
        self.since = asyncio.get_running_loop().time()
        self._cancel()

    def answered(self) -> None:
        """An answer has ended; without another, it waits for the next question, also while half of it has come."""
        self._answering -= 1
        self._lines = 0
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

    def drop(self) -> None:
        """Cut it, and have the kernel throw away what nobody took; after `end` it tries for minutes to send that."""
        if self.transport is not None:
            with contextlib.suppress(OSError):
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_WAIT)
            self.end()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to read into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass it on, unless these are too many lines."""
        if self.transport is None or self.transport.is_closing():
            return
        data = bytes(self._buffer[:nbytes])
        self._lines += data.count(b"\n")
        if self._lines <= MAX_LINES:
            self._inner.data_received(data)
        elif self.waiting:
            self.transport.write(REFUSAL)
            self.transport.close()
        else:
            self.end()

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
            self._seats.give_back(self)
            self.transport = None
            self._cancel()
            self._inner.connection_lost(error)
