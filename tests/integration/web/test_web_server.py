"""The gate before every page: who is let in, what is refused, what every answer carries. Over real sockets."""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.errors import ConfigError
from edge.web import connections, server
from tests.support.brokers import can_connect, wait_for
from tests.support.web import ask, endless, raw

TOKEN = "correct-horse-battery"

Serve = Callable[..., int]


async def page(request: Request) -> Response:
    return PlainTextResponse(f"page {request.query_params.get('room', '')}")


def test_without_a_token_this_machine_may_look_and_every_answer_is_guarded(serve: Serve) -> None:
    port = serve()
    for path, status in (("/", 200), ("/static/a.txt", 200), ("/nowhere", 404), ("/static/../secret.txt", 404)):
        found, headers, _ = ask(port, path)
        assert found == status, path
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers


def test_names_of_this_machine_are_let_in_whatever_the_port_and_others_are_not(serve: Serve) -> None:
    port, guarded = serve(), serve(TOKEN, ())
    for host in ("localhost:9999", "127.0.0.1", "127.0.0.1:1", "[::1]:8787", "LOCALHOST"):
        assert ask(port, Host=host)[0] == 200, host  # ssh -L 9999:...
    for host in ("evil.example", "evil.example:8787", "127.0.0.1.evil.example", "192.168.1.5", ""):
        assert ask(port, Host=host)[0] == 421, host
        assert ask(guarded, Host=host, Authorization=f"Bearer {TOKEN}")[0] == 421, host


def test_names_that_were_given_are_let_in_and_with_a_token_any(serve: Serve) -> None:
    port = serve(hosts=("room-204.local",))
    assert ask(port, Host="Room-204.local:8787")[0] == 200
    assert ask(port, Host="room-205.local")[0] == 421
    assert ask(serve(TOKEN), Host="room-205.local", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_the_token_is_asked_for_once_and_leaves_the_address(serve: Serve) -> None:
    port = serve(TOKEN)
    assert ask(port)[0] == 403
    status, headers, _ = ask(port, f"/?room=a%26b&token={TOKEN}")
    assert status == 303
    assert headers["location"] == "./?room=a%26b"
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    status, _, text = ask(port, urljoin("/", headers["location"]), Cookie=cookie.partition(";")[0])
    assert (status, text) == (200, "page a&b")
    assert ask(port, "/static/a.txt", Cookie=cookie.partition(";")[0])[2] == "public"


def test_a_wrong_token_is_refused_wherever_it_stands(serve: Serve) -> None:
    port = serve(TOKEN)
    right = ask(port, f"/?token={TOKEN}")[1]["set-cookie"].partition(";")[0]
    name, _, value = right.partition("=")
    assert ask(port, Cookie=right)[0] == 200
    for word in ("", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "%C3%BC", "\xfc"):
        if word.isascii():
            status, headers, text = ask(port, f"/?token={word}")
            assert status == 403
            assert "set-cookie" not in headers
            assert TOKEN not in text
        assert ask(port, Authorization=f"Bearer {word}")[0] == 403
        assert ask(port, Cookie=f"{name}={word}")[0] == 403
        # A cookie that is right does not help a token that is wrong: somebody is guessing.
        assert ask(port, Authorization=f"Bearer {word}", Cookie=right)[0] == 403
    # Whoever is sent the cookie on another port has no token.
    assert ask(port, Authorization=f"Bearer {value}")[0] == ask(port, f"/?token={value}")[0] == 403
    assert ask(port, Cookie=f"{name}={TOKEN}")[0] == 403


def test_a_cookie_tells_nothing_of_the_token(serve: Serve) -> None:
    """Its name is told to strangers, its value to whoever listens on another port."""
    ports = {token: serve(token) for token in (TOKEN, "another-token-of-somebody")}
    signing_out = b"POST / HTTP/1.1\r\nHost: rooms.example:8080\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    cookies = [
        next(line for line in raw(port, signing_out + b"Content-Length: 10\r\n\r\nsign_out=1").splitlines()
             if line.startswith(b"set-cookie: ")).split(b";")[0]
        for port in ports.values()
    ]  # fmt: skip
    assert cookies == [b'set-cookie: edge-8080=""'] * 2, "the name follows from the token"
    for token, port in ports.items():
        assert token not in ask(port, f"/?token={token}")[1]["set-cookie"]


def test_pages_of_one_host_do_not_overwrite_each_other_s_cookies(serve: Serve) -> None:
    """As the browser sees them: over ssh -L two devices have the same name and other ports."""
    port = serve(TOKEN)
    names = [
        ask(port, f"/?token={TOKEN}", Host=host)[1]["set-cookie"].partition("=")[0]
        for host in ("localhost:8080", "localhost:8081", "[::1]:8080", "[::1]", "school.example")
    ]
    assert names == ["edge-8080", "edge-8081", "edge-8080", "edge", "edge"]


def test_path_tricks_are_refused(serve: Serve) -> None:
    port = serve()
    for path in (
        "/../secret.txt", "/static/../../secret.txt", "/static/%2e%2e/secret.txt", "/static/%2E./secret.txt",
        "/static/..%2fsecret.txt", "/static/..%5csecret.txt", "/static/..\\secret.txt", "//etc/passwd",
        "/static//etc/passwd", "/static/a.txt%00", "/static/%0d%0aSet-Cookie:x", "/static/.", "/.",
        "/static/%252e%252e/secret.txt",
    ):  # fmt: skip
        status, headers, text = ask(port, path)
        assert status == 404, path
        assert "secret" not in text
        assert "set-cookie" not in headers


def test_only_the_methods_of_a_route_are_answered(serve: Serve) -> None:
    port = serve()
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        assert ask(port, "/", method)[0] == 405
    assert ask(port, "/", "HEAD")[::2] == (200, "")
    with_body = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    assert b"200 OK" in raw(port, with_body)
    assert ask(port, "/static/a.txt", "POST")[0] == 405


def test_listening_beyond_this_machine_needs_a_token(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        server.check_binding(host, guarded=False)
    for host in ("0.0.0.0", "::", "192.168.1.5", "room-204.local", ""):
        with pytest.raises(ConfigError, match="--token-file"):
            server.check_binding(host, guarded=False)
        server.check_binding(host, guarded=True)


def test_a_token_file_is_read_and_bad_ones_are_explained(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "token"
    good = "5f0c2a9be1d84763ab90e8c15d72f346"  # as of openssl rand -hex 16
    file.write_text(f"{good}\n")
    file.chmod(0o600)
    assert server.read_token(file) == good
    assert not caplog.records
    file.chmod(0o644)
    assert server.read_token(file) == good
    assert "chmod 600" in caplog.text
    assert "could be guessed" not in caplog.text
    assert good not in caplog.text
    for content in (b"", b"short", b"two words and more of them", "sixteen-letters-\u00fc".encode(), b"x" * 5000):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="--token-file") as caught:
            server.read_token(file)
        assert "words" not in str(caught.value)
    file.chmod(0o600)
    for weak in (
        TOKEN,
        "Sommerfest202607",
        good[:-1],
        "1234567890123456789012345678901",
        "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa",
    ):
        caplog.clear()
        file.write_text(weak)
        assert server.read_token(file) == weak  # a page that runs goes on after an upgrade
        assert "could be guessed; make a random one" in caplog.text
        assert weak not in caplog.text
    caplog.clear()
    file.write_text("hQ3-x_Zk8Rw0LmVt5bYc7A")  # as of secrets.token_urlsafe(16)
    server.read_token(file)
    assert not caplog.records
    with pytest.raises(ConfigError, match="No such file"):
        server.read_token(tmp_path / "none")
    with pytest.raises(ConfigError, match="No such file") as caught:
        server.read_token(Path(TOKEN))  # the token itself in place of a file's name
    assert TOKEN not in str(caught.value)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        server.read_token(tmp_path / "pipe")


def test_one_that_dribbles_never_gets_through_its_head(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", serve()), timeout=20) as wire:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            _dribble(wire, b"GET / HTTP/1.1\r\nHost: localhost\r\n" * 100)
        assert time.monotonic() - began < 10


def _dribble(wire: socket.socket, text: bytes) -> None:
    for byte in text:
        wire.sendall(bytes([byte]))
        time.sleep(0.02)


def test_streams_are_cut_at_the_end_and_nobody_is_let_in_any_more() -> None:
    started: list[tuple[int, Callable[[], None]]] = []
    app = server.application([Route("/endless", endless)], keys=None)
    thread = threading.Thread(
        target=server.serve, args=(app, "127.0.0.1", 0, lambda port, stop: started.append((port, stop)))
    )
    thread.start()
    wait_for(lambda: bool(started), 20)
    ((port, stop),) = started
    lines = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(5)]
    for line in lines:
        line.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(10)
    began = time.monotonic()
    stop()
    thread.join(20)
    assert not thread.is_alive()
    assert time.monotonic() - began < 1.5  # uvicorn itself would wait 2 s for the streams
    assert not can_connect(port)
    stop()  # whoever ends it twice, or too late, does no harm
    for line in lines:
        line.close()


def test_what_fails_when_it_starts_is_raised() -> None:
    def fail(_port: int, _stop: Callable[[], None]) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        server.serve(server.application([Route("/", page)], keys=None), "127.0.0.1", 0, fail)


def test_uvicorn_still_has_what_we_use_of_it() -> None:
    """Four things beyond its documentation; where one changes, see edge/web/server.py and connections.py."""
    assert list(inspect.signature(uvicorn.Server.handle_exit).parameters) == ["self", "sig", "frame"]
    assert list(inspect.signature(uvicorn.Server.startup).parameters) == ["self", "sockets"]
    assert uvicorn.Server(uvicorn.Config("none")).should_exit is False
    assert issubclass(H11Protocol, asyncio.Protocol)
    made = {
        name
        for name, value in vars(asyncio.BufferedProtocol).items() | vars(asyncio.BaseProtocol).items()
        if callable(value) and not name.startswith("_")
    }
    assert made <= set(vars(connections.GuardedProtocol)), "asyncio has another callback, which has to be passed on"


def test_another_site_s_page_cannot_ask_for_ours_but_may_link_to_it(serve: Serve) -> None:
    port = serve()
    assert ask(port, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    assert ask(port, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200
    assert ask(port, Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors")[0] == 200
    for origin in ("null", "http://evil.example", f"http://127.0.0.1:{port + 1}", f"ftp://127.0.0.1:{port}"):
        assert ask(port, "/echo", "POST", Origin=origin)[0] == 403
    for scheme in ("http", "https"):  # a proxy that we do not know of may have TLS
        own = {"Host": f"LocalHost:{port}", "Origin": f"{scheme}://localhost:{port}"}
        assert ask(port, "/echo", "POST", **own)[0] == 200
