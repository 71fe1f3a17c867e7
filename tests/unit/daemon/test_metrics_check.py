"""Which daemon has the port of the metrics, where it is another program that has it."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from edge.config.schema import Config
from edge.daemon.metrics_check import check_metrics, room_at
from edge.errors import EdgeError


def test_a_port_of_another_program_is_told_at_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.daemon.metrics_check.ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(EdgeError, match=r"in use.*set metrics\.port"):
        check_metrics(Config.model_validate({"metrics": {"port": taken.getsockname()[1]}}))


@pytest.mark.parametrize("head", ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nX: "])
def test_a_program_that_answers_byte_by_byte_does_not_hold_up_a_check(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an end: the time limit of a socket counts from its last byte."""
    monkeypatch.setattr("edge.daemon.metrics_check.ANSWER_SECONDS", 1.0)
    left = threading.Event()

    def drip(server: socket.socket) -> None:
        connection = server.accept()[0]
        with connection, contextlib.suppress(OSError):
            connection.sendall(head.encode())
            while not left.wait(0.1):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,), daemon=True)
        dripping.start()
        asked = threading.Thread(target=room_at, args=("127.0.0.1", server.getsockname()[1]), daemon=True)
        asked.start()
        asked.join(60)
        still = asked.is_alive()
        left.set()
        dripping.join(60)
    assert not still


def test_of_another_program_one_answer_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.daemon.metrics_check.ANSWER_SECONDS", 600.0)
    asked: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"up 1\n")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert room_at("127.0.0.1", server.server_port) is None
        server.shutdown()
    assert asked == ["/metrics"]
