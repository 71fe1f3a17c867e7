"""The gate with tokens of single people: the form, its cookie, signing out, revoked while somebody looks."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.web import gate, server
from edge.web.access_list import add_grant, revoke_grant
from edge.web.keys import AccessFile
from edge.web.visitors import visitor_of
from tests.support.web import endless
from tests.unit.web.test_access import TODAY

HTML = {"Accept": "text/html,*/*"}
Serve = Callable[..., httpx.Client]


async def who(request: Request) -> Response:
    visitor = visitor_of(request)
    return JSONResponse([visitor.name, visitor.role, visitor.rooms, request.query_params.get("room", "")])


@pytest.fixture
def access(tmp_path: Path) -> Path:
    return tmp_path / "access.yaml"


@pytest.fixture
def smith(access: Path) -> str:
    """A token."""
    return add_grant(access, "smith", "reader", ["room-1", "b2-*"], TODAY, None)


@pytest.fixture
def client(access: Path, smith: str) -> Iterator[Serve]:
    """Starts a server; returns a browser without JavaScript."""
    del smith
    ended: list[Callable[[], None]] = []

    def start(public_url: str | None = None) -> httpx.Client:
        routes = [Route("/", who), Route("/api/who", who), Route("/endless", endless)]
        app = server.application(routes, keys=AccessFile(access, lambda: TODAY), public_url=public_url)
        ready = threading.Event()
        told: list[tuple[int, Callable[[], None]]] = []

        def started(port: int, stop: Callable[[], None]) -> None:
            told.append((port, stop))
            ready.set()

        thread = threading.Thread(target=server.serve, args=(app, "127.0.0.1", 0, started))
        thread.start()
        assert ready.wait(20)
        browser = httpx.Client(base_url=f"http://127.0.0.1:{told[0][0]}", headers=HTML, timeout=20)
        ended.extend([browser.close, told[0][1], thread.join])
        return browser

    yield start
    for end in ended:
        end()


def test_a_stranger_is_asked_for_the_token_in_the_own_language(client: Serve) -> None:
    browser = client()
    for wanted, words in (("", "needs a token"), ("de-AT,de;q=0.9,en;q=0.5", "braucht einen Zugangscode")):
        answer = browser.get("/", headers={"Accept-Language": wanted})
        assert answer.status_code == 403
        assert words in answer.text
        assert 'method="post"' in answer.text
        assert "<script" not in answer.text
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "role=alert" not in answer.text.replace('"', "").split("<main>")[1]
    plain = browser.get("/", headers={"Accept": "*/*"})
    assert plain.headers["content-type"].startswith("text/plain")


def test_the_form_gives_a_cookie_and_the_same_page_and_signing_out_takes_it_away(client: Serve, smith: str) -> None:
    browser = client()
    answer = browser.post("/?room=a%26b&token=old", data={"token": f" {smith} "})
    assert answer.status_code == 303
    assert answer.headers["location"] == "./?room=a%26b"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert "Path" not in cookie  # the browser takes the folder of the page, which a proxy may have put somewhere
    assert browser.get("/?room=x").json() == ["smith", "reader", ["room-1", "b2-*"], "x"]
    assert browser.get("/api/who").json()[0] == "smith"
    answer = browser.post("/", data={"sign_out": "1"})
    assert answer.status_code == 303
    assert not browser.cookies
    assert browser.get("/").status_code == 403


def test_behind_a_proxy_with_tls_the_cookie_stays_under_its_path(client: Serve, smith: str) -> None:
    browser = client("https://school.example/rooms/")
    for answer in (browser.post("/", data={"token": smith}), browser.get("/", params={"token": smith})):
        assert {"Secure", "Path=/rooms/", "HttpOnly"} < set(answer.headers["set-cookie"].split("; "))
    gone = browser.post("/", data={"sign_out": "1"}).headers["set-cookie"]
    assert "Path=/rooms/" in gone
    assert "Max-Age=0" in gone


def test_pages_that_proxies_show_under_one_host_do_not_overwrite_each_other_s_cookies(
    client: Serve, smith: str
) -> None:
    """Each is asked as 127.0.0.1:8080, as nginx does: the upstream's name and port, on another machine for each."""
    names = [
        client(f"https://school.example{page}")
        .post("/", data={"token": smith}, headers={"Host": "127.0.0.1:8080", "Origin": f"https://school.example{port}"})
        .headers["set-cookie"].partition("=")[0]
        for port, page in (("", "/"), ("", ":443/"), (":8443", ":8443/"), ("", "/rooms/"), (":8443", ":8443/b/2/"))
    ]  # fmt: skip
    assert names == ["__Host-edge", "__Host-edge", "__Host-edge-8443", "__Secure-edge-rooms", "__Secure-edge-8443-b-2"]


def test_what_a_proxy_is_said_to_have_forwarded_is_not_believed(client: Serve, smith: str) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil/"}
    answer = client().post("/", data={"token": smith}, headers=forged)
    assert answer.headers["location"] == "./"
    assert "Secure" not in answer.headers["set-cookie"]


def test_a_wrong_token_is_said_to_be_wrong_slowly_and_logged_once_without_it(
    client: Serve, smith: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = client()
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for word in ("", "wrong-wrong-wrong-wrong", smith[:-1], f"{smith}x", "\xfc"):
            answer = browser.post("/", data={"token": word})
            assert answer.status_code == 403
            assert "This token opens nothing" in answer.text
            assert "set-cookie" not in answer.headers
            assert word not in answer.text or not word
    assert time.monotonic() - began > 5 * 0.25
    assert caplog.text.count("wrong tokens refused") == 1
    assert "wrong-wrong" not in caplog.text


def test_who_guesses_takes_nobody_s_place(client: Serve, smith: str) -> None:
    browser = client()
    address = str(browser.base_url)

    async def scene() -> None:
        limits = httpx.Limits(max_connections=80)
        async with httpx.AsyncClient(base_url=address, headers=HTML, timeout=30, limits=limits) as many:
            guesses = [asyncio.create_task(many.post("/", data={"token": f"guess-{n}"})) for n in range(80)]
            began = time.monotonic()
            answer = await asyncio.to_thread(browser.get, "/api/who", headers={"Authorization": f"Bearer {smith}"})
            assert answer.status_code == 200
            assert time.monotonic() - began < 5
            assert {answer.status_code for answer in await asyncio.gather(*guesses)} == {403}

    asyncio.run(scene())


def test_a_cookie_made_to_be_slow_is_read_at_once(client: Serve, smith: str) -> None:
    browser = client()
    began = time.monotonic()
    slow = {"Cookie": 'edge-00000000="' + "\\0" * 7000 + '"'}
    assert [browser.get("/", headers=slow).status_code for _ in range(5)] == [403] * 5
    assert time.monotonic() - began < 2


def test_another_site_cannot_sign_somebody_in_or_out(client: Serve, smith: str) -> None:
    said = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    for data in ({"token": smith}, {"sign_out": "1"}):
        for headers in (said, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
            for page in ("/", f"/?token={smith}"):
                answer = client().post(page, data=data, headers=headers)
                assert answer.status_code == 403
                assert "set-cookie" not in answer.headers


def test_behind_a_proxy_forms_come_from_the_public_address(client: Serve, smith: str) -> None:
    for public, origin in (
        ("https://School.example/rooms/", "https://school.example"),
        ("https://school.example:443/", "https://school.example"),
        ("http://school.example:8443/", "http://school.example:8443"),
    ):
        browser = client(public)  # the proxy asks as 127.0.0.1, as nginx does
        assert browser.post("/", data={"token": smith}, headers={"Origin": origin}).status_code == 303, public
        scheme, _, site = origin.partition("://")
        other = f"{'http' if scheme == 'https' else 'https'}://{site}"
        for wrong in (f"{origin}.evil", other, f"ftp://{site}"):
            for data in ({"token": smith}, {"sign_out": "1"}):
                asked = {"Origin": wrong, "Host": site}  # as a proxy that passes the name on
                assert browser.post("/", data=data, headers=asked).status_code == 403, wrong


def test_who_is_signed_in_stays_so_whatever_token_a_link_has(client: Serve, smith: str, access: Path) -> None:
    jones = add_grant(access, "jones", "all", ["*"], TODAY, None)
    browser = client()
    browser.get("/", params={"token": smith})
    for word in (jones, "wrong"):
        answer = browser.get("/", params={"room": "a", "token": word})
        assert (answer.status_code, answer.headers["location"]) == (303, "./?room=a")
        assert "set-cookie" not in answer.headers
        assert browser.get("/api/who").json()[0] == "smith"
    revoke_grant(access, "smith")
    browser.get("/", params={"token": jones})
    assert browser.get("/api/who").json()[0] == "jones"


def test_one_that_a_link_has_set_for_a_folder_below_is_taken_away(client: Serve, smith: str, access: Path) -> None:
    jones = add_grant(access, "jones", "all", ["*"], TODAY, None)
    browser = client()
    browser.get("/api/who", params={"token": jones})
    browser.post("/", data={"token": smith})
    assert {cookie.path for cookie in browser.cookies.jar} == {"/", "/api"}
    assert browser.get("/api/who").status_code == 403
    assert browser.get("/api/who").json()[0] == "smith"
    assert {cookie.path for cookie in browser.cookies.jar} == {"/"}


def signed_in(browser: httpx.Client, token: str, **headers: str) -> str:
    """The cookie, as a browser sends it."""
    return browser.post("/", data={"token": token}, headers=headers).headers["set-cookie"].partition(";")[0]


def places(answer: httpx.Response) -> set[tuple[str, str]]:
    """Domain and path of each cookie that the browser has to forget."""
    found = set()
    for line in answer.headers.get_list("set-cookie"):
        marks = dict(part.partition("=")[::2] for part in line.split("; "))
        assert marks["Max-Age"] == "0"
        found.add((marks.get("Domain", ""), marks.get("Path", "")))
    return found


@pytest.mark.parametrize("first", ["own", "another's"])
def test_cookies_of_two_people_let_in_nobody_and_what_the_page_cannot_have_set_is_taken_away(
    first: str, client: Serve, smith: str, access: Path
) -> None:
    """A page of moodle.school.example may set cookies for school.example: browsers send them here."""
    jones = add_grant(access, "jones", "all", ["*"], TODAY, None)
    host = {"Host": "rooms.school.example:8080"}
    browser = client()
    own, other = (signed_in(browser, token, **host) for token in (smith, jones))
    browser.cookies.clear()
    both = {**host, "Cookie": "; ".join([own, other] if first == "own" else [other, own])}
    answer = browser.get("/api/who", headers={**both, "Accept-Language": "de"})
    assert answer.status_code == 403
    assert "zweier Personen" in answer.text
    domains, paths = ("rooms.school.example", "school.example"), ("/", "/api", "/api/", "/api/who", "/api/who/")
    assert places(answer) == {(domain, path) for domain in ("", *domains) for path in paths} - {("", "/")}
    assert "two people" in browser.get("/api/who", headers={**both, "Accept": "*/*"}).text
    assert browser.get("/", params={"token": jones}, headers=both).status_code == 403, "a link does not decide"

    twice = {**host, "Cookie": f"{own}; edge-8080=wrong; {own}"}
    assert browser.get("/api/who", headers=twice).json()[0] == "smith"
    answer = browser.post("/", data={"sign_out": "1"}, headers=both)
    assert answer.status_code == 303
    assert places(answer) == {("", ""), *((domain, "/") for domain in domains)}


def test_more_cookies_of_our_name_than_a_browser_can_have_let_in_nobody(client: Serve, smith: str) -> None:
    browser = client()
    own = signed_in(browser, smith, Host="localhost:8080")
    browser.cookies.clear()
    for others, status in ((7, 200), (8, 403)):
        shown = "; ".join([own, *["edge-8080=wrong"] * others])
        assert browser.get("/", headers={"Host": "localhost:8080", "Cookie": shown}).status_code == status


def test_below_a_path_what_another_page_has_set_is_taken_away_over_tls_only(
    client: Serve, smith: str, access: Path
) -> None:
    jones = add_grant(access, "jones", "all", ["*"], TODAY, None)
    browser = client("https://school.example/rooms/")
    own, other = (signed_in(browser, token) for token in (smith, jones))
    browser.cookies.clear()
    answer = browser.get("/", headers={"Cookie": f"{own}; {other}"})
    assert answer.status_code == 403
    assert places(answer) == {("school.example", path) for path in ("/", "/rooms", "/rooms/")}
    assert all("Secure" in line for line in answer.headers.get_list("set-cookie"))


def test_a_form_that_never_comes_whole_does_not_wait_for_ever(client: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "FORM_SECONDS", 0.3)

    def slow() -> Iterator[bytes]:
        yield b"token="
        time.sleep(2)
        yield b"x"

    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "7"}
    browser = client()
    assert browser.post("/", content=slow(), headers=headers).status_code == 408


@pytest.mark.parametrize("change", ["revoked", "fewer rooms", "expired"])
def test_a_stream_ends_within_seconds_once_its_token_is_not_what_it_was(
    change: str, client: Serve, smith: str, access: Path
) -> None:
    browser = client()
    with browser.stream("GET", "/endless", headers={"Authorization": f"Bearer {smith}"}) as answer:
        parts = answer.iter_raw()
        began = time.monotonic()
        while time.monotonic() - began < 2.5:  # longer than it takes to ask again
            assert next(parts)
        if change == "revoked":
            revoke_grant(access, "smith")
        elif change == "fewer rooms":
            access.write_text(access.read_text().replace("b2-*", "b3-*"))
        else:
            access.write_text(
                access.read_text().replace("made: '2026-11-20'", "made: '2026-11-20'\n  expires: 2026-11-19")
            )
        began = time.monotonic()
        with pytest.raises(httpx.HTTPError):
            deque(parts, maxlen=0)
        assert time.monotonic() - began < 5
    status = browser.get("/", headers={"Authorization": f"Bearer {smith}"}).status_code
    assert status == (200 if change == "fewer rooms" else 403)
