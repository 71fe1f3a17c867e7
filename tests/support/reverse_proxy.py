"""A small reverse proxy, as nginx is one: `/rooms/...` goes to another server as `/...`, and nothing else does."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/rooms"
CONNECTION = {"connection", "transfer-encoding", "keep-alive"}


@contextlib.contextmanager
def reverse_proxy(port: int, *, keep_host: bool = False) -> Iterator[str]:
    """Stands before a port of this machine; yields the address to open.

    Args:
        port: Of the server behind.
        keep_host: Whether that one sees the name which the browser asked for, or its own, as behind nginx.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            headers = dict(self.headers.items())
            if not keep_host:
                headers["Host"] = f"127.0.0.1:{port}"
            behind = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            with contextlib.closing(behind), contextlib.suppress(OSError, http.client.HTTPException):
                behind.request("GET", self.path.removeprefix(PREFIX), headers=headers)
                answer = behind.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in CONNECTION:
                        self.send_header(name, value)
                self.end_headers()
                while part := answer.read1(65536):  # events go on at once
                    self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}{PREFIX}/"
        finally:
            server.shutdown()
            thread.join()
