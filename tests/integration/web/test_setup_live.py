"""Where a picture of the room goes in real browsers: to the page that shows it, while it shows it, and nowhere else."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from edge.web.setup.config_file import ConfigFile
from edge.web.setup.page import SetupPage as Routes
from tests.support.brokers import wait_for
from tests.support.setup_page import SetupPage
from tests.support.snapshot_camera import SnapshotCamera, snapshot_camera

Edge = Callable[..., "subprocess.Popen[str]"]
Look = Callable[..., Any]
PAINTED = """() => {
  const { width, height } = document.getElementById("canvas");
  const data = document.getElementById("canvas").getContext("2d").getImageData(0, 0, width, height).data;
  return data.some((value) => value);
}"""
TELLS_NOTHING = {"", "/notice", "/api/texts", "/shared"}
"""Page, scripts, texts, and the notice to print, which a link opens; nothing of the camera, and nothing that acts."""


@pytest.fixture
def camera() -> Iterator[SnapshotCamera]:
    with snapshot_camera() as camera:
        yield camera


@pytest.fixture
def setup(edge: Edge, camera: SnapshotCamera, tmp_path: Path) -> SetupPage:
    """The page of a room with that camera."""
    file = tmp_path / "c.yaml"
    file.write_text(f"mode: headcount\ncamera: {{source: '{camera.source}'}}\n")
    return SetupPage(edge("setup", "--config", str(file), "--port", "0"))


@pytest.fixture
def look(setup: SetupPage, browser: Any) -> Iterator[Look]:
    """Opens the page in a browser of its own, and waits for a picture."""
    contexts = []

    def start(script: str = "") -> Any:
        context = browser.new_context(locale="en", accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.add_init_script(script)
        page.goto(f"http://127.0.0.1:{setup.port}/?token={setup.token}")
        wait_painted(page)
        return page

    yield start
    for context in contexts:
        context.close()


def wait_painted(page: Any) -> None:
    wait_for(lambda: page.evaluate(PAINTED) and page.inner_text("#count").isdigit(), 60, "a picture")


def wait_wiped(page: Any) -> None:
    """Neither picture nor words of it are left."""
    wait_for(lambda: not page.evaluate(PAINTED), 60, "an empty canvas")
    assert page.get_attribute("#canvas", "aria-label") == "No picture yet"
    assert not page.inner_text("#count").isdigit()
    for name in ("sizes", "front", "brightness"):
        assert page.evaluate("name => document.getElementById(name).textContent", name) == ""


# The picture in the tab


def test_a_pause_wipes_the_picture_and_so_does_the_end(
    setup: SetupPage, look: Look, edge: Edge, tmp_path: Path
) -> None:
    page = look()
    edge("pause", "--config", str(tmp_path / "c.yaml")).wait(60)
    wait_for(lambda: "paused" in page.inner_text("#status"), 60, "the pause to be told")
    wait_wiped(page)
    edge("resume", "--config", str(tmp_path / "c.yaml")).wait(60)
    wait_painted(page)
    setup.process.send_signal(signal.SIGINT)
    setup.process.wait(30)
    wait_wiped(page)


def test_a_tab_that_is_hidden_or_left_keeps_no_picture(look: Look) -> None:
    page = look()
    hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    tell = "document.dispatchEvent(new Event('visibilitychange'));"
    page.evaluate(f"() => {{ {hide % 'true'} {tell} }}")
    wait_wiped(page)
    page.evaluate(f"() => {{ {hide % 'false'} {tell} }}")
    wait_painted(page)
    assert not page.evaluate(f"() => {{ {hide % 'true'} dispatchEvent(new Event('pagehide')); return ({PAINTED})(); }}")


def test_a_picture_that_no_other_follows_is_wiped(setup: SetupPage, look: Look) -> None:
    page = look("AbortSignal.timeout = () => new AbortController().signal;")  # so that only its age can tell
    setup.process.send_signal(signal.SIGSTOP)
    try:
        wait_wiped(page)
    finally:
        setup.process.send_signal(signal.SIGCONT)
    wait_painted(page)


def test_whoever_has_signed_out_sees_no_picture_any_more(look: Look) -> None:
    page = look()
    page.context.clear_cookies()
    page.evaluate("() => sessionStorage.clear()")
    wait_wiped(page)


# Pages from elsewhere


class Site:
    """Another web server, with one page."""

    def __init__(self, script: str) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f"<p>elsewhere</p><script>{script}</script>".encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Callable[[str], Site]]:
    sites = []

    def start(script: str) -> Site:
        sites.append(Site(script))
        return sites[-1]

    yield start
    for each in sites:
        each.stop()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"], ids=["site", "port"])
@pytest.mark.parametrize("path", ["newest?after=0", "api/support"])
def test_a_link_from_elsewhere_saves_and_shows_nothing(
    setup: SetupPage, look: Look, site: Callable[[str], Site], path: str, host: str
) -> None:
    page = look()  # the browser has the cookie
    there = site(f"location = 'http://127.0.0.1:{setup.port}/{path}'")
    saved: list[Any] = []
    answers: list[tuple[str, int]] = []
    other = page.context.new_page()
    other.on("download", lambda download: saved.append(download.suggested_filename))
    other.on("response", lambda response: answers.append((response.url, response.status)))
    other.goto(f"http://{host}:{there.port}/", wait_until="commit")

    def answered() -> bool:
        other.wait_for_timeout(100)  # lets its events come
        return any(url.endswith(path) for url, _ in answers)

    wait_for(answered, 60, "the answer")
    assert [status for url, status in answers if url.endswith(path)] == [403]
    assert saved == []


def test_pictures_that_a_page_of_another_port_asks_for_keep_no_camera_open(
    setup: SetupPage, look: Look, site: Callable[[str], Site], camera: SnapshotCamera
) -> None:
    page = look()
    ask = f"new Image().src = 'http://127.0.0.1:{setup.port}/newest?' + Math.random()"
    there = site(f"setInterval(() => {{ {ask} }}, 500)")
    other = page.context.new_page()
    asked: list[str] = []
    other.on("request", lambda request: asked.append(request.url))
    other.goto(f"http://127.0.0.1:{there.port}/")
    page.close()

    def closed() -> bool:
        before = camera.pictures
        other.wait_for_timeout(3000)
        return camera.pictures == before

    wait_for(closed, 90, "the camera to be closed")
    assert any("/newest" in url for url in asked)


def test_what_another_origin_asks_for_is_refused_even_with_our_header(setup: SetupPage) -> None:
    for path in ("/newest?after=0", "/api/state"):
        assert setup.ask("GET", path, Sec_Fetch_Site="same-site")[0] == 403
        assert setup.ask("GET", path, Sec_Fetch_Site="none")[0] == 403
        assert setup.ask("GET", path, Sec_Fetch_Site="same-origin")[0] == 200
        assert setup.ask("GET", path)[0] == 200  # an old browser does not say
        assert setup.ask("OPTIONS", path, Origin="http://127.0.0.1:1", X_Edge_Setup="")[0] in (403, 405)


def test_every_route_that_tells_or_acts_asks_for_our_header(setup: SetupPage, tmp_path: Path) -> None:
    (outer,) = Routes(ConfigFile(tmp_path / "other.yaml", [], {}), "edge").routes()
    assert isinstance(outer, Mount)
    for route in outer.routes or []:
        assert isinstance(route, Route | Mount)
        if route.path in TELLS_NOTHING:
            continue
        assert isinstance(route, Route)
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        status, said = setup.ask(method, route.path, b"{}", Content_Type="application/json", X_Edge_Setup="")
        assert (status, "does not come from the page" in json.loads(said)["problem"]) == (403, True), route.path


def test_settings_and_support_file_are_saved_by_the_page_itself(look: Look) -> None:
    page = look()
    page.evaluate("() => { location.hash = 'save'; }")
    for button, name, words in (
        ("export", "config.yaml", "mode: headcount"),
        ("support", "edge-support.txt", "Support file"),
    ):
        with page.expect_download(timeout=60_000) as download:
            page.click(f"#{button}")
        assert download.value.suggested_filename == name
        assert words in Path(download.value.path()).read_text()
