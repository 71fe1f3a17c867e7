"""`edge setup`: the page in a real browser, its manners with the camera, and what it tells an installer."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.brokers import Subscriber, wait_for

playwright = pytest.importorskip("playwright.sync_api", reason="no browser for this machine")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no browser for this machine")


Edge = Callable[..., "subprocess.Popen[str]"]
MARKS = {"happy": "#ffd447", "neutral": "#d3dae2", "too small": "#ff5fa2"}
COUNT = """colour => {
  const { width, height } = document.getElementById("canvas");
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(document.getElementById("canvas"), 0, 0);
  const data = new Uint32Array(copy.getImageData(0, 0, width, height).data.buffer);
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const wanted = (255 << 24 | b << 16 | g << 8 | r) >>> 0;
  return data.reduce((found, pixel) => found + (pixel === wanted), 0);
}"""


@pytest.fixture
def browser() -> Iterator[Any]:
    """A real Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed (./test installs it)")
    with playwright.sync_playwright() as drive:
        chromium = drive.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


def address(process: subprocess.Popen[str]) -> str:
    """What it prints for the browser."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return found[0]
    pytest.fail(f"no address: {process.communicate()[1]}")


def text(page: Any, name: str) -> str:
    return str(page.evaluate("name => document.getElementById(name).textContent", name))


def number(page: Any) -> int:
    return int(page.evaluate("() => document.getElementById('canvas').dataset.number ?? 0"))


def look_over(page: Any, url: str, width: int) -> None:
    """All that has to be true of the page, at any width."""
    said: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(url)
    assert "token" not in page.url
    wait_for(lambda: number(page) > 0 and text(page, "fps")[0].isdigit(), 60, "a picture")
    seen = number(page)
    wait_for(lambda: number(page) > seen + 2, 60, "newer pictures")
    banner = page.inner_text(".banner")
    assert "Pictures of people are shown here" in banner
    assert "does not publish meanwhile" in banner
    assert text(page, "status") == ""
    for name, colour in MARKS.items():
        wait_for(lambda colour=colour: page.evaluate(COUNT, colour) > 100, 60, f"a box: {name}")  # type: ignore[misc]
    spoken = r"Live picture with \d+ faces, .*\d+ happy, \d+ neutral.*, \d+ too small for an emotion"
    wait_for(lambda: bool(re.match(spoken, page.get_attribute("#canvas", "aria-label"))), 60, "what boxes say in words")
    assert "too small for an emotion" in text(page, "advice")
    assert "°" in text(page, "distances")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")] == []
    page.focus("#zoom")
    page.keyboard.press("Enter")
    wait_for(lambda: page.evaluate("() => canvas.clientWidth") == 1280, 20, "its actual size")
    reach = text(page, "reach")
    page.select_option("#lens", "102")
    assert text(page, "reach") != reach
    assert said == []
    assert hosts == {"127.0.0.1"}


def test_the_page_lives_and_nothing_is_published_or_written(
    edge: Edge, browser: Any, broker: int, subscribe: Callable[..., Subscriber], tmp_path: Path
) -> None:
    subscriber = subscribe(broker, "#")
    settings = ("camera.source=sample:12", "vision.min_face_px=48", f"mqtt.broker=mqtt://127.0.0.1:{broker}")
    process = edge("preview", "--port", "0", *(word for each in settings for word in ("--set", each)))
    url = address(process)
    for width, height, scheme in ((1440, 900, "light"), (390, 844, "dark")):
        page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
        look_over(page, url, width)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.communicate()[1] == ""
    wait_for(lambda: "No connection" in text(page, "status"), 60, "the page to say that it is over")
    assert subscriber.messages == []
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("mosquitto")} == set()


def test_headcount_shows_boxes_and_no_emotion(edge: Edge, browser: Any) -> None:
    page = browser.new_page()
    page.goto(address(edge("preview", "--port", "0", "--set", "camera.source=sample:7", "--set", "mode=headcount")))
    wait_for(lambda: page.evaluate(COUNT, "#5fd0c5") > 100, 60, "a box")
    assert page.inner_text("#legend").strip() == "face"
    wait_for(lambda: text(page, "reach") != "", 20, "figures")
    assert re.fullmatch(r"Live picture with \d+ faces", page.get_attribute("#canvas", "aria-label"))
    assert "reliably" in text(page, "reach")
