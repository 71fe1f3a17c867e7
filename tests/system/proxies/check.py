"""What must hold behind nginx, tried with the configurations of docs/web-server.md: see check.sh."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.sync_api import sync_playwright

from edge.web.access_list import add_grant
from tests.load.dashboard import CHROMIUM, FLAGS
from tests.support.brokers import can_connect, free_port, wait_for
from tests.support.dashboard_page import Room, see
from tests.support.paths import ROOT

NAME = "school.example"
PATHS = {"root": "/", "path": "/rooms/"}
NUMBERS = itertools.count(1)  # of windows
BLOCK = re.compile(r"^```nginx\n(.*?)^```", re.DOTALL | re.MULTILINE)
NGINX = """
daemon off; pid nginx.pid; error_log stderr warn;
{main}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  gzip on;
{site}
}}
"""


def main(programs: Path, kinds: list[str]) -> int:
    """Both places in turn; 0 when all holds."""
    site, lines, main = BLOCK.findall((ROOT / "docs/web-server.md").read_text())
    sites = {"root": site, "path": swapped(r"    location / {\n.*?    }\n", lines, site)}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        here = Path(folder)
        certificate(here)
        broker = free_port()
        (here / "mosquitto.conf").write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\n")
        running.enter_context(started(here, "mosquitto", "-c", str(here / "mosquitto.conf")))
        wait_for(lambda: can_connect(broker), 20, "the broker")
        room = Room(broker, seconds=1)
        for kind in kinds:
            with tempfile.TemporaryDirectory(dir=here) as own:
                (Path(own) / "main.conf").write_text(main)
                check(kind, programs, sites[kind], here, Path(own), broker, room)
    return 0


def swapped(place: str, lines: str, text: str) -> str:
    """A configuration with these lines in place of others, as the page says for a path."""
    found, number = re.subn(place, lambda _: lines, text, flags=re.DOTALL)
    assert number == 1, place
    return found


def check(kind: str, programs: Path, text: str, keys: Path, here: Path, broker: int, room: Room) -> None:
    """The page at one place."""
    path = PATHS[kind]
    page, port = free_port(), free_port()
    today = date.today()  # noqa: DTZ011 - as people count
    token = add_grant(here / "access.yaml", "smith", "reader", ["room-1"], today, None)
    site = text.replace("127.0.0.1:8080", f"127.0.0.1:{page}").replace("/etc/ssl/school.example", str(keys / "site"))
    dashboard = [
        sys.executable,
        "-m",
        "edge",
        "dashboard",
        "--broker",
        f"mqtt://127.0.0.1:{broker}",
        "--port",
        str(page),
    ]
    dashboard += ["--access-file", str(here / "access.yaml"), "--public-url", f"https://{NAME}:{port}{path}"]
    with started(here, *server(programs, site, here, port)):
        context = ssl.create_default_context(cafile=str(keys / "site.pem"))
        client = httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=context,
            headers={"Host": NAME, "Accept": "text/html"},
            timeout=20,
        )
        with started(here, *dashboard):
            wait_for(lambda: can_connect(page) and can_connect(port), 30, "nginx and the dashboard")
            assert port not in {each.laddr.port for each in psutil.net_connections("udp")}, "no bound is of HTTP/3"
            bounds(client, path, port, context)
            begun = unfinished(port, context)
            form(client, path, token)
            delays = events(client, path, token, room, begun)
            browse(port, path, token)
            outside(client, path, token)
        not_in_a_log(client, path, token, here)
    print(f"{kind}: form, cookie, deep link, signing out; events {max(delays) * 1000:.0f} ms after the window at most")


def bounds(client: httpx.Client, path: str, port: int, context: ssl.SSLContext) -> None:
    """No HTTP/2, whose connections carry hundreds of requests, and no large form, which nginx would keep in a file."""
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=NAME) as connection:
        assert connection.selected_alpn_protocol() != "h2"
    context.set_alpn_protocols(["http/1.1"])
    answer = client.post(path, content=b"x" * 65537, extensions={"sni_hostname": NAME})
    assert answer.status_code == 413, answer
    assert "nginx" in answer.text, "only the page has refused it"


def form(client: httpx.Client, path: str, token: str) -> None:
    """Asked for, taken, and remembered for this path and TLS only."""
    answer = get(client, path, headers={"Accept-Language": "de"})
    assert answer.status_code == 403
    assert "Diese Seite braucht einen Zugangscode" in answer.text
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil"}
    answer = client.post(path, data={"token": token}, headers=forged, extensions={"sni_hostname": NAME})
    assert (answer.status_code, answer.headers["location"]) == (303, "./"), answer.headers
    marks = set(answer.headers["set-cookie"].split("; ")[1:])
    assert marks == {"HttpOnly", f"Path={path}", "SameSite=lax", "Secure"}, marks
    client.cookies.clear()


def unfinished(port: int, context: ssl.SSLContext) -> list[socket.socket]:
    """Connections that have begun to say something: of TLS, and of a request."""
    begun = socket.create_connection(("127.0.0.1", port))
    begun.sendall(b"\x16\x03\x01\x02\x00")
    asking = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=NAME)
    asking.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\n".encode())
    return [begun, asking]


def ended(connection: socket.socket) -> None:
    """It is, long before a minute is over, which is what web servers have by themselves."""
    connection.settimeout(30)
    with connection, contextlib.suppress(ConnectionError, ssl.SSLError):
        while connection.recv(4096):
            pass


def events(client: httpx.Client, path: str, token: str, room: Room, begun: list[socket.socket]) -> list[float]:
    """Seconds from a window to its event: what is held back somewhere comes late, or never.

    What has only begun is ended meanwhile, and the events are not.
    """
    delays: list[float] = []
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", "Accept-Encoding": "gzip"}
    with client.stream("GET", f"{path}events", headers=headers, extensions={"sni_hostname": NAME}) as answer:
        lines = answer.iter_lines()
        for number in range(3):
            if number == 2:  # the last
                for connection in begun:
                    ended(connection)
            sent, seq = time.monotonic(), next(NUMBERS)
            room.window(seq)
            next(line for line in lines if line.startswith("data:") and shows(json.loads(line[6:]), f"/{seq}"))
            delays.append(time.monotonic() - sent)
    assert max(delays) < 2, delays
    return delays


def shows(event: dict[str, Any], key: str) -> bool:
    latest = event.get("rooms", {}).get("room-1", {}).get("latest") or {"key": ""}
    return str(latest["key"]).endswith(key)


def browse(port: int, path: str, token: str) -> None:
    """A deep link in a real browser; every address that it asks for lies below the path."""
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_context(ignore_https_errors=True, locale="en").new_page()
        page.set_default_timeout(30_000)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        home = f"https://{NAME}:{port}{path}"
        page.goto(f"{home}#lesson/room-1")
        see(page, "h1", "This page needs a token")
        page.locator("#token").fill(token)
        page.keyboard.press("Enter")
        page.locator("#lesson-chart .main-svg").first.wait_for()
        assert page.url == f"{home}#lesson/room-1", page.url
        see(page, "#link", "connected")
        (cookie,) = page.context.cookies()
        assert (cookie["secure"], cookie["path"], cookie["httpOnly"]) == (True, path, True), cookie
        assert cookie["name"].startswith("__Host-" if path == "/" else "__Secure-"), cookie
        page.reload()
        page.locator("#lesson-chart .main-svg").first.wait_for()
        page.get_by_role("button", name="Sign out").click()
        see(page, "h1", "This page needs a token")
        assert [url for url in asked if not url.startswith(home)] == []
        browser.close()


def outside(client: httpx.Client, path: str, token: str) -> None:
    """Nothing of the page is elsewhere, and the path without its slash leads to it."""
    if path == "/":
        return
    elsewhere = get(client, "/api/about", headers={"Authorization": f"Bearer {token}"})
    assert "smith" not in elsewhere.text, elsewhere.text
    answer = get(client, path.rstrip("/"))
    assert answer.status_code in (301, 302, 308)
    assert answer.headers["location"].endswith(path)
    # Cookies that other hosts have set are taken away by many headers: nginx by itself has 4 KB for all of an answer.
    shown = {"Cookie": "; ".join([f"__Secure-edge-{client.base_url.port}-rooms=x"] * 9)}
    answer = get(client, f"{path}api/{'/'.join(['a' * 60] * 4)}", headers=shown)
    assert answer.status_code == 403, answer
    assert sum(map(len, answer.headers.get_list("set-cookie"))) > 4096, answer.headers


def not_in_a_log(client: httpx.Client, path: str, token: str, here: Path) -> None:
    """A link is opened while the dashboard is being restarted: web servers log what they cannot pass on."""
    answer = get(client, f"{path}?a=1&token={token}", headers={"Referer": f"https://{NAME}{path}?token={token}"})
    assert answer.status_code == 502, answer
    texts = {file.name: file.read_bytes() for file in here.rglob("*") if file.is_file()}
    assert [name for name, text in texts.items() if token.encode() in text] == []


def get(client: httpx.Client, path: str, **options: Any) -> httpx.Response:
    return client.get(path, extensions={"sni_hostname": NAME}, **options)


def server(programs: Path, site: str, here: Path, port: int) -> list[str]:
    """The command of nginx; its site is the one of the docs, but for port and certificate."""
    (here / "nginx.conf").write_text(
        NGINX.format(main=(here / "main.conf").read_text(), site=site.replace("listen 443", f"listen {port}"))
    )
    return [str(programs / "usr/sbin/nginx"), "-p", str(here), "-e", "stderr", "-c", str(here / "nginx.conf")]


def certificate(here: Path) -> None:
    names = f"subjectAltName=DNS:{NAME}"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    command += ["-addext", names, "-keyout", str(here / "site.key"), "-out", str(here / "site.pem")]
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def started(here: Path, *command: str) -> Iterator[None]:
    """A program that is ended in the end; what it said is shown where something fails."""
    log = here / f"{Path(command[0]).name}-{time.monotonic_ns()}.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=here, env=environment, stdout=out, stderr=out)
    try:
        yield
    except BaseException:
        print(f"--- {' '.join(command)}\n{log.read_text()[-3000:]}", file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
