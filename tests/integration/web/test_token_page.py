"""The page that asks for a token, in a real browser: deep links, signing out, and what happens when it is revoked."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from edge.web.access_list import add_grant, revoke_grant
from tests.support.dashboard_page import Room, see
from tests.unit.web.test_access import TODAY

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no browser for this machine")
StartEdge = Callable[..., "subprocess.Popen[str]"]


def test_from_a_link_to_a_lesson_to_signing_out(broker: int, edge: StartEdge, browser: Any, tmp_path: Path) -> None:
    access = tmp_path / "access.yaml"
    smith = add_grant(access, "smith", "reader", ["room-1"], TODAY, None)
    process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0", "--access-file", str(access))
    assert process.stdout is not None
    process.stdout.readline()
    address = process.stdout.readline().strip()
    for name in ("room-1", "room-2"):
        Room(broker, name, seconds=1).window(1)

    plain = browser.new_context(java_script_enabled=False, locale="de-AT")
    page = plain.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{address}#now/room-1")
    see(page, "h1", "Diese Seite braucht einen Zugangscode")
    assert page.evaluate("document.activeElement.id") == "token"
    page.keyboard.type("mistyped")
    page.keyboard.press("Enter")
    see(page, "[role=alert]", "öffnet nichts")
    page.locator("#token").fill(smith)
    page.locator("button").click()
    see(page, "noscript, .banner", "JavaScript")
    assert page.url == f"{address}#now/room-1"
    (cookie,) = plain.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    plain.close()

    assert smith not in str(cookie)

    context = browser.new_context(locale="en", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{address}#school")
    see(page, "h1", "This page needs a token")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe.Axe().run(page).response["violations"] == []
    page.locator("#token").fill(smith)
    page.keyboard.press("Enter")
    see(page, ".tile h3", "room-1")
    assert page.locator(".tile").count() == 1, "another's room"
    page.get_by_role("button", name="Sign out").click()
    see(page, "h1", "This page needs a token")
    page.locator("#token").fill(smith)
    page.keyboard.press("Enter")
    see(page, ".tile h3", "room-1")
    revoke_grant(access, "smith")
    see(page, "h1", "This page needs a token")
    assert page.locator("[role=alert]").count() == 1
    assert re.match(rf"{re.escape(address)}(#.*)?$", page.url)
    context.close()


FORM = """<form method="post" target="_top" action="{home}"><input name="{name}" value="{value}"></form>
<script>document.forms[0].submit()</script>"""
SANDBOXED = """<iframe sandbox="allow-forms allow-scripts allow-top-navigation" srcdoc='{form}'></iframe>"""


class Elsewhere:
    """Another site: one page, and what browsers say of where they come from when they ask for it."""

    def __init__(self) -> None:
        self.html = ""
        self.referers: list[str | None] = []
        self.cookies: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.cookies.append(self.headers["Cookie"] or "")
                if self.path == "/page":  # and not its icon
                    site.referers.append(self.headers["Referer"])
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(site.html.encode())

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://evil.example:{self.server.server_address[1]}/page"


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    site = Elsewhere()
    with site.server as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def page_of_two(broker: int, edge: StartEdge, folder: Path) -> tuple[str, str, str]:
    """A dashboard's address, and the tokens of smith and jones."""
    access = folder / "access.yaml"
    smith, jones = (add_grant(access, name, "reader", ["*"], TODAY, None) for name in ("smith", "jones"))
    process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0", "--access-file", str(access))
    assert process.stdout is not None
    process.stdout.readline()
    return process.stdout.readline().strip(), smith, jones


@pytest.mark.parametrize("attack", ["sign out", "sign in", "link"])
def test_another_site_s_page_signs_nobody_in_or_out(
    attack: str, broker: int, edge: StartEdge, browser: Any, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    direct, smith, jones = page_of_two(broker, edge, tmp_path)
    home = f"http://school.example:{urlsplit(direct).port}/"
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{home}?token=mistyped")
    page.evaluate("address => { location = address }", elsewhere.address)
    page.wait_for_url(elsewhere.address)
    assert elsewhere.referers == [None], "tells another site a token"
    page.goto(f"{home}?token={smith}")
    see(page, "#who", "smith")

    field = {"sign out": ("sign_out", "1"), "sign in": ("token", jones)}
    if attack == "link":
        elsewhere.html = f"<script>location = '{home}?token={jones}'</script>"
    else:
        name, value = field[attack]
        elsewhere.html = SANDBOXED.format(form=FORM.format(home=home, name=name, value=value))
    page.goto(elsewhere.address)
    page.wait_for_url(home)
    if attack != "link":
        see(page, "body", "Another site's page asks for this one.")
    page.goto(home)
    see(page, "#who", "smith")
    context.close()


def test_a_page_of_a_sibling_host_signs_nobody_in_as_somebody_else(
    broker: int, edge: StartEdge, browser: Any, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """It may set cookies for the domain that both share; they come here, and looked like ours."""
    direct, smith, jones = page_of_two(broker, edge, tmp_path)
    home = f"http://rooms.school.example:{urlsplit(direct).port}/"
    jones_s = httpx.post(direct, data={"token": jones}, headers={"Host": urlsplit(home).netloc}).headers["set-cookie"]
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{home}?token={smith}")
    see(page, "#who", "smith")
    set_cookie = "<script>document.cookie = '{}; domain=school.example; path={}'</script>"
    pupil_s = elsewhere.address.replace("evil.example", "moodle.school.example")

    elsewhere.html = set_cookie.format(jones_s.partition(";")[0], "/")
    page.goto(pupil_s)
    page.goto(home)
    see(page, "[role=alert]", "the tokens of two people")
    page.reload()
    see(page, "#who", "smith")

    elsewhere.html = set_cookie.format(jones_s.partition(";")[0], "/api")
    page.goto(pupil_s)
    page.goto(home)  # its questions are refused, so it loads itself again
    see(page, "#who", "smith")

    elsewhere.html = set_cookie.format(jones_s.partition(";")[0], "/")
    page.get_by_role("button", name="Sign out").wait_for()
    other = context.new_page()
    other.goto(pupil_s)
    other.close()
    page.get_by_role("button", name="Sign out").click()
    see(page, "h1", "This page needs a token")
    assert page.locator("[role=alert]").count() == 0
    assert context.cookies() == []
    context.close()


@pytest.mark.parametrize("command", ["dashboard", "setup"])
def test_another_port_of_the_host_is_sent_no_token(
    command: str, broker: int, edge: StartEdge, browser: Any, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """Cookies know no ports: whoever listens on another one has what opens this page, and never the token."""
    token = "5f0c2a9be1d84763ab90e8c15d72f346"
    (tmp_path / "token").write_text(token)
    (tmp_path / "config.yaml").write_text(f"camera:\n  source: sample\nmqtt:\n  broker: mqtt://127.0.0.1:{broker}\n")
    options = ("--config", str(tmp_path / "config.yaml"), "--token-file", str(tmp_path / "token"), "--port", "0")

    def started() -> str:
        process = edge(command, *options)
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("  http://"))
        return line.split()[0].partition("?")[0]

    home = started()
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{home}?token={token}")
    other_port = elsewhere.address.replace("evil.example", "127.0.0.1")
    elsewhere.html = f"<script>if (location.hostname != '127.0.0.1') location = '{other_port}'</script>"
    page.goto(elsewhere.address)
    page.wait_for_url(other_port)
    value = next(each for each in elsewhere.cookies if "edge-" in each).partition("=")[2]
    assert token not in "".join(elsewhere.cookies)
    for asked in ({"Authorization": f"Bearer {value}"}, {"Cookie": f"edge-{urlsplit(home).port}={token}"}):
        assert httpx.get(home, headers=asked).status_code == 403
    again = urlsplit(started()).port
    status = httpx.get(f"http://127.0.0.1:{again}/", headers={"Cookie": f"edge-{again}={value}"}).status_code
    # Who looks at figures stays signed in when the page is started again; the camera's page opens for nobody anew.
    assert status == (200 if command == "dashboard" else 403)
    context.close()
