"""Requests to a page."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from http.client import HTTPConnection

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse


async def endless(_request: Request) -> Response:
    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "tick\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(ticks())


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """One request, its path as it is; header names with _ for -."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    connection.close()
    return found


def raw(port: int, request: bytes) -> bytes:
    """What a server says to any bytes at all, up to its first silence or end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(request)
        return wire.recv(65536)
