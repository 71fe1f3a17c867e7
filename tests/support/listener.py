"""A server on a free port of 127.0.0.1 that serves each connection in a thread of its own; a context manager."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class Listener:
    """Accepts connections from its construction on; a subclass serves them."""

    def __init__(self) -> None:
        self.lines: list[socket.socket] = []
        """The connections, in the order in which they came."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close everything."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Close every connection."""
        for line in self.lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def serve(self, line: socket.socket) -> None:
        """Serve one connection until it ends."""
        raise NotImplementedError

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._server.accept()
                self.lines.append(line)
                threading.Thread(target=self.serve, args=(line,), daemon=True).start()
