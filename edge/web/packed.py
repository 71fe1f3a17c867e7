"""Answers as they travel: written out and compressed once, beside the event loop, which only sends them."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge.web.gate import CONNECTION

LEAST = 1000  # bytes that are worth compressing
LEVEL = 5
GZIP = 16 + zlib.MAX_WBITS
CHUNK = 64 * 1024  # bytes sent at a time: others have their turn in between, and a slow reader holds few of them
PIECE = 4096  # bytes in gzip that are inflated at a time
DEPTH = 4  # levels of an answer that are written out piece by piece, down to the rows of a map


@dataclass(frozen=True)
class Packed:
    """An answer.

    Attributes:
        data: Its bytes, in gzip where that is worth it.
        length: Of the answer itself, in bytes.
    """

    data: bytes
    length: int

    @property
    def compressed(self) -> bool:
        """Whether `data` is in gzip."""
        return self.length >= LEAST

    def chunks(self, *, compressed: bool) -> Iterator[bytes]:
        """The answer bit by bit, as it is kept or as it was."""
        if compressed or not self.compressed:
            for at in range(0, len(self.data), CHUNK):
                yield self.data[at : at + CHUNK]
            return
        unpacker = zlib.decompressobj(GZIP)
        for at in range(0, len(self.data), PIECE):  # what it has not read yet it copies: of all, megabytes for each
            rest = self.data[at : at + PIECE]
            while rest or (at + PIECE >= len(self.data) and not unpacker.eof):
                if chunk := unpacker.decompress(rest, CHUNK):
                    yield chunk
                rest = unpacker.unconsumed_tail


def pack(parts: Iterable[bytes]) -> Packed:
    """Bytes, compressed as they come; to be called in a thread where there are many."""
    packer, data, length = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP), bytearray(), 0
    for part in parts:
        data += packer.compress(part)
        length += len(part)
    data += packer.flush()
    return Packed(bytes(data) if length >= LEAST else zlib.decompress(data, GZIP), length)


def pack_json(thing: object) -> Packed:
    """The same of JSON, whose keys are strings. Raises ValueError for a NaN, which no browser would read."""
    return pack(_written(thing, DEPTH))


def _written(thing: object, depth: int) -> Iterator[bytes]:
    """Compact JSON in pieces: while Python writes one, no other thread runs, and megabytes take a while."""
    if depth and thing and isinstance(thing, dict):
        for number, (key, value) in enumerate(thing.items()):
            yield (b"," if number else b"{") + _dumped(key) + b":"
            yield from _written(value, depth - 1)
        yield b"}"
    elif depth and thing and isinstance(thing, (list, tuple)):
        for number, value in enumerate(thing):
            yield b"," if number else b"["
            yield from _written(value, depth - 1)
        yield b"]"
    else:
        yield _dumped(thing)


def _dumped(thing: object) -> bytes:
    return json.dumps(thing, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class PackedResponse(Response):
    """Sends what is packed; who takes no gzip gets it inflated on the way.

    Args:
        request: Who asks.
        packed: The answer.
        headers: Of the answer.
        media_type: What it is.
    """

    def __init__(
        self, request: Request, packed: Packed, headers: Mapping[str, str], media_type: str = "application/json"
    ) -> None:
        super().__init__(None, headers=headers, media_type=media_type)
        self._packed = packed
        self._as_kept = packed.compressed and takes_gzip(request)
        self.headers["Content-Length"] = str(len(packed.data) if self._as_kept else packed.length)
        if packed.compressed:
            self.headers["Vary"] = "Accept-Encoding"
        if self._as_kept:
            self.headers["Content-Encoding"] = "gzip"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as Response has it
        """Send it bit by bit."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            connection = scope.get(CONNECTION)
            for chunk in self._packed.chunks(compressed=self._as_kept):
                if connection is not None and connection.ended:
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await asyncio.sleep(0)  # sending waits only for those who are slow
        await send({"type": "http.response.body", "body": b""})


def takes_gzip(request: Request) -> bool:
    """Whether the browser reads gzip."""
    return "gzip" in request.headers.get("Accept-Encoding", "")
