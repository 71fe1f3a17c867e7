"""The server's limits: what is too large, ports in use, answers without an end, signals, silent connections."""

from __future__ import annotations

import collections
import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from http.client import HTTPConnection

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.errors import EdgeError
from edge.web import connections, gate, seats, server
from edge.web.dashboard.feed import MAX_WAITING, Feed
from edge.web.visitors import Visitor
from tests.support.brokers import can_connect, free_port, wait_for
from tests.support.paths import ROOT
from tests.support.web import ask, raw

TOKEN = "correct-horse-battery"

Serve = Callable[..., int]


async def page(request: Request) -> Response:
    return PlainTextResponse(f"page {request.query_params.get('room', '')}")


def test_what_is_too_large_or_no_http_is_refused_and_others_are_still_served(serve: Serve) -> None:
    port = serve()
    assert ask(port, "/?" + "a" * 3000)[0] == 414
    assert ask(port, Content_Length=str(gate.MAX_BODY + 1))[0] == 413
    assert ask(port, "/echo", "POST", Content_Length="99999999999999")[0] == 413
    assert ask(port, "/echo", "POST", Transfer_Encoding="chunked")[0] == 413
    for junk in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        assert raw(port, junk).partition(b"\r\n")[0].startswith(b"HTTP/1.1 4")
    assert ask(port)[0] == 200


def test_a_head_of_many_lines_is_refused_before_it_is_parsed(serve: Serve) -> None:
    port = serve()
    begin = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    as_browsers = begin + b"Accept: *\r\n" * (connections.MAX_LINES - 3) + b"\r\n"
    assert raw(port, as_browsers).startswith(b"HTTP/1.1 200")
    assert raw(port, begin + b"a:\r\n" * 4060 + b"\r\n").startswith(b"HTTP/1.1 431")
    assert raw(port, b"\n" * 200).startswith(b"HTTP/1.1 431")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        for _ in range(3):  # each request has its own lines
            wire.sendall(as_browsers)
            came = b""
            while not came.endswith(b"page "):
                came += wire.recv(65536)
        wire.sendall(as_browsers + as_browsers)
        assert wire.recv(65536).startswith(b"HTTP/1.1 431")


def test_who_sends_many_lines_while_an_answer_goes_on_is_cut(serve: Serve) -> None:
    wire = _stream(serve())
    with contextlib.suppress(ConnectionError):
        wire.sendall(b"\n" * 200)
        while wire.recv(65536):
            pass  # it ends
    wire.close()


def test_an_address_with_many_fields_is_refused(serve: Serve) -> None:
    port = serve(token=TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert ask(port, "/?" + "a&" * (gate.MAX_FIELDS - 1), **bearer)[0] == 200
    assert ask(port, "/?" + "a&" * gate.MAX_FIELDS, **bearer)[0] == 414


def test_a_form_is_looked_at_only_if_it_is_small(serve: Serve) -> None:
    port = serve(token=TOKEN)
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {gate.FORM}\r\nContent-Length: "
    began = time.monotonic()
    assert raw(port, f"{head}{gate.MAX_FORM + 1}\r\n\r\n".encode()).startswith(b"HTTP/1.1 413")
    assert time.monotonic() - began < gate.FORM_SECONDS / 2  # its body was not waited for
    fields = "&".join(["a=b"] * gate.MAX_FORM_FIELDS + [f"token={TOKEN}"])
    assert raw(port, f"{head}{len(fields)}\r\n\r\n{fields}".encode()).startswith(b"HTTP/1.1 400")
    for origin in ("http://[", "http://localhost.evil.example", ""):
        found = ask(port, "/", "POST", Origin=origin, Content_Type=gate.FORM, Content_Length="0")
        assert found[0] == 403, origin
        assert "Another site" in found[2]
    longest = "token=" + "%41" * 256
    assert raw(port, f"{head}{len(longest)}\r\n\r\n{longest}".encode()).startswith(b"HTTP/1.1 403")


def test_a_form_whose_sender_leaves_is_not_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    port = serve(token=TOKEN)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(REQUESTS["a form that does not come"])
        wait_for(lambda: ask(port)[0] == 403, 20)
    assert ask(port)[0] == 403
    assert caplog.text == ""


def test_a_port_in_use_and_a_foreign_address_are_explained() -> None:
    app = server.application([Route("/", page)], keys=None)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(EdgeError, match="in use.*--port"):
        server.serve(app, "127.0.0.1", taken.getsockname()[1])
    for host in ("192.0.2.1", "no-such-host.invalid"):
        with pytest.raises(EdgeError, match="cannot listen"):
            server.serve(app, host, 0)


def test_an_answer_that_never_ends_does_not_hold_up_the_end(serve: Serve) -> None:
    with socket.create_connection(("127.0.0.1", serve()), timeout=20) as wire:
        wire.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"tick" in wire.recv(65536) + wire.recv(65536)
        # The fixture stops the server and waits for it while this is open.


PROGRAM = """
import sys
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from edge.web import server
from edge.web.keys import OneToken
routes = [Route("/", lambda request: PlainTextResponse("here"))]
app = server.application(routes, keys=OneToken("correct-horse-battery"))
server.serve(app, "127.0.0.1", int(sys.argv[1]))
print("ended as it should")
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_at_once_and_nothing_secret_was_said(sign: signal.Signals) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port)], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        wait_for(lambda: can_connect(port), 30, "the server")
        assert ask(port, f"/?token={TOKEN}")[0] == 303
        assert ask(port, "/?token=wrong")[0] == 403
        idle = socket.create_connection(("127.0.0.1", port))
        began = time.monotonic()
        process.send_signal(sign)
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - began < 10
        idle.close()
    finally:
        process.kill()
    refused = "wrong tokens refused: 1, the last from 127.0.0.1\n"
    assert (process.returncode, out, err) == (0, "ended as it should\n", refused)


def test_connections_that_ask_for_nothing_keep_nobody_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    monkeypatch.setitem(seats.SEATS, "stranger", 20)
    port = serve()
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(15)]
    idle[0].sendall(b"GET / HTTP/1.1\r\nHost: 127")  # half a request is none
    for each in idle:
        each.settimeout(20)
        assert each.recv(1) == b""
        each.close()
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()


def test_half_of_a_second_request_holds_no_seat(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    with socket.create_connection(("127.0.0.1", serve()), timeout=20) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT")
        began, came = time.monotonic(), b""
        while part := _received(wire):
            came += part
        assert came.count(b"HTTP/1.1 200") == 1
        assert time.monotonic() - began < 5


def test_a_stream_goes_on_though_the_program_of_the_answer_before_it_ends_late(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    with socket.create_connection(("127.0.0.1", serve()), timeout=20) as wire:
        wire.sendall(b"GET /lingering HTTP/1.1\r\nHost: localhost\r\n\r\n")
        came = b""
        while b"whole" not in came:
            came += wire.recv(65536)
        wire.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.monotonic()
        while time.monotonic() - began < 3:
            assert wire.recv(65536)


REQUESTS = {
    "nothing": b"",
    "half a request": b"GET / HTTP/1.1\r\nHost: 127",
    "one request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "one and a half": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT",
    "a form that does not come": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n",
    "a wrong token": b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer no\r\n\r\n",
    "a body that does not come": b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_strangers_on_all_seats_keep_no_visitor_out(serve: Serve, request_: bytes) -> None:
    port = serve(token=TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
        stream.sendall(f"GET /endless HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert b"200" in stream.recv(65536)
        held = []
        for n in range(seats.SEATS["stranger"] + 50):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=20))
            held[-1].sendall(request_)
            if n % 50 == 0:
                began = time.monotonic()
                assert ask(port, **bearer)[0] == 200
                assert time.monotonic() - began < 2
        began = time.monotonic()
        assert ask(port, **bearer)[0] == 200
        assert time.monotonic() - began < 2
        for each in held:
            each.close()
        assert b"tick" in stream.recv(65536)  # whoever knows the token keeps the seat


BEGIN = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n"
WORST = {
    "header lines": BEGIN + b"a:\r\n" * 4050 + b"\r\n",
    "as many as are taken": BEGIN + (b"a:" + b"x " * 80 + b"\r\n") * 94 + b"\r\n",
    "fields": b"GET /?" + b"%ff&" * 500 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "cookies": BEGIN + b"Cookie: " + b";" * 16000 + b"\r\n\r\n",
    "languages": BEGIN + b"Accept-Language: " + b"," * 16000 + b"\r\n\r\n",
    "a form": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 65536\r\n\r\n" + b"%ff=%ff&" * 8192,
}


@pytest.mark.parametrize("request_", WORST.values(), ids=WORST)
def test_strangers_who_do_their_worst_keep_no_visitor_waiting(serve: Serve, request_: bytes) -> None:
    port = serve(token=TOKEN)
    strangers = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(200)]
    for each in strangers:
        each.setblocking(False)  # what does not fit is not sent
        with contextlib.suppress(OSError):
            each.sendall(request_ * 4)
    for _ in range(3):
        began = time.monotonic()
        assert ask(port, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert time.monotonic() - began < 2
    for each in strangers:
        each.close()


def test_streams_on_all_seats_make_room_for_a_visitor(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token everybody on this machine is trusted: the oldest stream goes, and its page opens it again."""
    monkeypatch.setitem(seats.SEATS, "visitor", 20)
    port = serve()
    streams = [_stream(port) for _ in range(20)]
    began = time.monotonic()
    assert ask(port)[0] == 200
    assert time.monotonic() - began < 2
    with contextlib.suppress(ConnectionError):
        while streams[0].recv(65536):
            pass  # it ends
    assert b"tick" in streams[-1].recv(65536)
    for each in streams:
        each.close()


class Names:
    """Tokens that are the names of their visitors."""

    seed = "names"

    def visitor(self, word: str) -> Visitor | None:
        return Visitor(word)

    def visitor_with_cookie(self, _word: str) -> Visitor | None:
        return None


def test_one_visitor_has_an_even_share_of_the_seats(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(seats.SEATS, "visitor", 20)
    port = serve(keys=Names())
    mine = _stream(port, "Authorization: Bearer ann\r\n")
    theirs = [_stream(port, "Authorization: Bearer bob\r\n") for _ in range(60)]  # renewed as they are cut
    assert ask(port, Authorization="Bearer ann")[0] == 200
    assert ask(port, Authorization="Bearer cleo")[0] == 200
    for each in theirs:
        each.close()
    assert b"tick" in mine.recv(65536)
    mine.close()


def test_an_open_page_is_cut_only_for_somebody_who_has_fewer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its browser would open it again, and with that cut the next: all pages were without figures for a while."""
    monkeypatch.setitem(seats.SEATS, "stream", 5)
    port = serve(keys=Names())
    first, *pages = [_events(port, name) for name in ("ann", "ann", "b", "c", "d", "e")]
    assert _received(first) == b""  # ann has another
    for name in ("ann", "b", "f"):
        status, headers, sentence = ask(port, "/events", Authorization=f"Bearer {name}")
        assert (status, headers["retry-after"]) == (503, "10")
        assert sentence.startswith("5 pages are open, as many as one dashboard serves. Close some")
        assert ask(port, Authorization=f"Bearer {name}")[0] == 200
    assert caplog.text.count("5 pages are open") == 1
    for each in pages:
        each.setblocking(False)
        with pytest.raises(BlockingIOError):  # it goes on
            each.recv(1)
    for each in (first, *pages):
        each.close()


def test_the_kernel_keeps_little_of_an_answer_that_nobody_takes(serve: Serve) -> None:
    sent = [0]

    async def large(_request: Request) -> Response:
        async def zeros() -> AsyncIterator[bytes]:
            for _ in range(128):
                sent[0] += 65536
                yield bytes(65536)

        return StreamingResponse(zeros())

    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(20)
        wire.connect(("127.0.0.1", serve(more=[Route("/large", large)])))
        wire.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        before = -1
        while sent[0] != before:  # until it waits
            before = sent[0]
            time.sleep(0.3)
        assert 0 < sent[0] < 1_000_000
        assert wire.recv(9) == b"HTTP/1.1 "


def test_an_open_page_that_takes_nothing_is_cut_and_nothing_of_it_is_kept(serve: Serve) -> None:
    feed = Feed(dict)

    async def open_page(request: Request) -> Response:
        return feed.answer(request)

    async def tell(_request: Request) -> Response:
        feed.send({"text": "x" * 20_000})
        return PlainTextResponse("")

    port = serve(more=[Route("/page", open_page), Route("/tell", tell)])
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(20)
        wire.connect(("127.0.0.1", port))
        wire.sendall(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.recv(9) == b"HTTP/1.1 "
        for _ in range(3 * MAX_WAITING):
            assert ask(port, "/tell")[0] == 200
        with pytest.raises(ConnectionResetError):
            collections.deque(iter(partial(wire.recv, 65536), b""), maxlen=0)  # to its end


def test_the_many_requests_of_one_visitor_keep_no_other_waiting(serve: Serve) -> None:
    port = serve(keys=Names())
    theirs = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(150)]
    for each in theirs:
        each.sendall(b"GET /dear HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\n\r\n")
    began = time.monotonic()
    assert ask(port, Authorization="Bearer bob")[0] == 200
    assert time.monotonic() - began < 2
    for each in theirs:
        each.close()


def test_a_newcomer_gets_through_one_visitor_s_seats_and_strangers(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    port = serve(keys=Names())
    theirs = [_stream(port, "Authorization: Bearer ann\r\n") for _ in range(199)]
    over, strangers = threading.Event(), list[socket.socket]()

    def come() -> None:
        while not over.wait(1 / 300):
            strangers.append(socket.socket())
            strangers[-1].setblocking(False)
            strangers[-1].connect_ex(("127.0.0.1", port))

    crowd = threading.Thread(target=come)
    crowd.start()
    try:
        wait_for(lambda: len(strangers) > seats.SEATS["stranger"] + 20, 20)
        for _ in range(20):
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
                time.sleep(0.05)  # so far away
                wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bob\r\n\r\n")
                assert _received(wire).startswith(b"HTTP/1.1 200")
            assert time.monotonic() - began < 2
    finally:
        over.set()
        crowd.join()
    assert caplog.text == ""
    for each in (*theirs, *strangers):
        each.close()


def test_nobody_is_ended_unheard_by_those_who_come_at_the_same_moment(serve: Serve) -> None:
    """Behind a proxy all have its address, visitors too: whose connection it is, only the head of a request says."""
    busy, on = threading.Event(), threading.Event()

    class Busy(Names):
        def visitor(self, word: str) -> Visitor | None:
            if word == "busy":
                busy.set()
                assert on.wait(20)
            return super().visitor(word)

    port = serve(keys=Busy())
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as first:
        first.sendall(head + b"Authorization: Bearer busy\r\n\r\n")
        assert busy.wait(20)  # from now on they wait in the kernel
        crowd = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(5 * seats.SEATS["stranger"])]
        visitors = crowd[::20]
        for each in crowd:
            each.sendall(head + (b"Authorization: Bearer ann\r\n\r\n" if each in visitors else b"\r\n"))
        on.set()
        assert [_received(each)[:12] for each in visitors] == [b"HTTP/1.1 200"] * len(visitors)
    for each in crowd:
        each.close()


def test_who_no_longer_shows_a_token_is_a_stranger_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(seats.SEATS, "stranger", 10)
    port = serve(token=TOKEN)
    former = [HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(5)]
    for one in former:
        for headers, status in (({"Authorization": f"Bearer {TOKEN}"}, 200), ({}, 403)):
            one.request("GET", "/", headers=headers)
            answer = one.getresponse()
            assert answer.status == status
            answer.read()
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(10)]
    began = time.monotonic()
    for one in former:
        assert _received(one.sock) == b""
    assert time.monotonic() - began < connections.HEAD_SECONDS / 4  # they made room, before it was up
    for each in silent:
        each.close()
    for one in former:
        one.close()


def _events(port: int, name: str) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=20)
    wire.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {name}\r\n\r\n".encode())
    came = b""
    while not came.endswith(b"data: {}\n\n\r\n"):
        came += (part := wire.recv(65536))
        assert part
    return wire


def _stream(port: int, head: str = "") -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=20)
    wire.sendall(f"GET /endless HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
    assert b"200" in wire.recv(65536)
    return wire


def _received(wire: socket.socket) -> bytes:
    try:
        return wire.recv(65536)
    except ConnectionError:
        return b""
