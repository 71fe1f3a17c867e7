"""`edge setup` in a real browser: every step, at any size and in any colours, by mouse, finger and keyboard alone."""

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
import yaml

from edge.config.schema import Config
from edge.web.setup.notice import notice
from tests.support.brokers import Subscriber, wait_for
from tests.support.tls_camera import make_certificates, tls_camera

playwright = pytest.importorskip("playwright.sync_api", reason="no browser for this machine")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no browser for this machine")

Edge = Callable[..., "subprocess.Popen[str]"]
STEPS = ("camera", "aim", "mask", "connect", "answer", "save")
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "locale": "en"}
LOOKS: dict[str, dict[str, Any]] = {
    "desktop, light": {**DESKTOP, "color_scheme": "light"},
    "desktop, dark, German": {**DESKTOP, "color_scheme": "dark", "locale": "de-CH"},
    "forced colours": {**DESKTOP, "forced_colors": "active", "reduced_motion": "reduce"},
    "zoom of 200 %": {**DESKTOP, "viewport": {"width": 720, "height": 450}, "device_scale_factor": 2},
    "phone, light, German": {
        "viewport": {"width": 320, "height": 700},
        "has_touch": True,
        "is_mobile": True,
        "locale": "de",
    },
    "phone, dark": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "color_scheme": "dark",
        "locale": "en",
    },
}
FACE = "#ffd447"  # the box of a happy one
PIXELS = """colour => {
  const { width, height } = document.getElementById("canvas");
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(document.getElementById("canvas"), 0, 0);
  const data = new Uint32Array(copy.getImageData(0, 0, width, height).data.buffer);
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const wanted = (255 << 24 | b << 16 | g << 8 | r) >>> 0;
  return data.reduce((found, pixel) => found + (pixel === wanted), 0);
}"""


class Setup:
    """The command, and browsers that look at its page."""

    def __init__(
        self,
        edge: Edge,
        chromium: Any,
        folder: Path,
        source: str = "sample:12",
        more: str = "",
        options: tuple[str, ...] = (),
    ) -> None:
        self.config = folder / "room.yaml"
        self.config.write_text(f"# ours\ncamera:\n  source: {source} # drawn\n{more}")
        self.process = edge("setup", "--port", "0", "--config", str(self.config), *options)
        self._chromium = chromium
        self._url = address(self.process)
        self.said: list[str] = []
        self.hosts: set[str | None] = set()

    def look(self, step: str = "camera", *, picture: bool = True, **options: Any) -> Any:
        """A page of its own context; usually one with a picture."""
        page = self._chromium.new_context(**{**DESKTOP, **options}).new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        page.goto(self._url)
        assert "token" not in page.url
        page.set_default_timeout(30_000)
        if picture:
            wait_for(lambda: number(page) > 0, 60, "a picture")
        show(page, step)
        return page

    def state(self, page: Any) -> dict[str, Any]:
        """What the server has, once nothing is on its way to it."""
        wait_for(lambda: "..." not in text(page, "saved"), 20, "the draft")
        found: dict[str, Any] = page.evaluate(
            "() => fetch('api/state', { headers: { 'X-Edge-Setup': '1' } }).then((answer) => answer.json())"
        )
        return found

    def values(self, page: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.state(page)["values"]
        return found


@pytest.fixture(scope="module")
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


@pytest.fixture
def setup(edge: Edge, browser: Any, tmp_path: Path) -> Iterator[Setup]:
    """A set-up page whose browsers complain of nothing and ask no other host."""
    setup = Setup(edge, browser, tmp_path)
    yield setup
    for context in browser.contexts:
        context.close()
    assert setup.said == []
    assert setup.hosts == {"127.0.0.1"}


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


def show(page: Any, step: str) -> None:
    """Go to a step as a link would."""
    page.evaluate("step => { location.hash = step; }", step)
    page.wait_for_selector(f"#step-{step}", state="visible")


def choose_expressions(page: Any, *, picture: bool = True) -> None:
    """Heads alone are counted until somebody chooses more."""
    step = page.evaluate("() => location.hash.slice(1)")
    show(page, "answer")
    assert page.is_checked('input[value="headcount"]')
    page.check('input[value="emotions"]')
    show(page, step)
    if picture:
        wait_for(lambda: page.locator("#legend li").count() > 5, 60, "expressions")


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until that element has the focus."""
    for _ in range(150):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {selector}")


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a fraction of the picture is on the page."""
    box = page.locator("#shapes").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def pull(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A stroke of the mouse, between fractions of the picture."""
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=4)
    page.mouse.up()


def near(found: list[list[float]], wanted: list[list[float]]) -> bool:
    flat = [(a, b) for one, other in zip(found, wanted, strict=True) for a, b in zip(one, other, strict=True)]
    return all(abs(a - b) < 0.011 for a, b in flat)


# How it looks


@pytest.mark.parametrize("look", LOOKS)
def test_every_step_fits_and_can_be_read(setup: Setup, look: str) -> None:
    page = setup.look(**LOOKS[look])
    choose_expressions(page)
    wait_for(lambda: page.evaluate(PIXELS, FACE) > 30, 60, "a box around a happy face")
    page.click("#frame", position={"x": 5, "y": 5})
    for step in STEPS:
        show(page, step)
        if step == "mask":
            page.click("#add-mask")
            page.click("#add-area")
        if step == "save":
            wait_for(lambda: "@@" in page.text_content("#difference"), 20, "the difference")
        page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= LOOKS[look]["viewport"]["width"], step
        found = axe.Axe().run(page).response["violations"]
        serious = [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")]
        assert serious == [], step
    assert page.get_attribute("html", "lang") == LOOKS[look]["locale"][:2]
    english = page.get_attribute("html", "lang") == "en"
    assert page.inner_text("#step-save h2") == ("Save" if english else "Speichern")


def test_figures_of_the_picture_are_said_in_words(setup: Setup) -> None:
    page = setup.look("aim")
    wait_for(lambda: bool(re.match(r"[\d.]+ frames/s", text(page, "speed"))), 60, "figures")
    assert page.locator("#legend li").all_inner_texts() == ["a face"]
    choose_expressions(page)
    assert {"happy", "sad", "turned away"} < set(page.locator("#legend li").all_inner_texts())
    assert re.match(r"Live picture with \d+ faces, .*happy", page.get_attribute("#canvas", "aria-label"))
    assert "Pictures of people are shown here" in page.inner_text(".privacy")
    reach = text(page, "reach")
    page.select_option("#lens", "102")
    assert text(page, "reach") != reach
    assert "turned to the front" in text(page, "front")
    page.focus("#zoom")
    page.keyboard.press("Enter")
    wait_for(lambda: page.evaluate("() => canvas.clientWidth") == 1280, 20, "its actual size")


def test_the_language_changes_at_once_and_nothing_is_lost(setup: Setup) -> None:
    page = setup.look("connect")
    page.fill("#name", "room-204")
    page.select_option("#language", "de")
    wait_for(lambda: page.inner_text("#step-connect h2") == "Verbinden", 20, "German")
    assert page.input_value("#name") == "room-204"
    assert page.get_attribute("html", "lang") == "de"
    wait_for(lambda: setup.values(page)["device.name"] == "room-204", 20, "the name in the draft")
    page.reload()
    wait_for(lambda: page.inner_text("#step-connect h2") == "Verbinden", 20, "German again")


# Masks


def test_masks_by_mouse(setup: Setup) -> None:
    page = setup.look("mask")
    page.click("#draw-mask")
    pull(page, (0.1, 0.1), (0.3, 0.3))
    wait_for(lambda: len(setup.values(page)["camera.masks"]) == 1, 20, "a mask")
    assert near(setup.values(page)["camera.masks"][0], [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3], [0.1, 0.3]])
    pull(page, (0.2, 0.15), (0.4, 0.25))  # the whole
    pull(page, (0.5, 0.4), (0.6, 0.5))  # its last corner but one
    pull(page, (0.4, 0.2), (0.4, 0.1))  # a new corner between two
    wanted = [[0.3, 0.2], [0.4, 0.1], [0.5, 0.2], [0.6, 0.5], [0.3, 0.4]]
    wait_for(lambda: near(padded(setup.values(page)["camera.masks"][0]), wanted), 20, "the changed mask")
    page.click("#draw-mask")
    for corner in ((0.7, 0.7), (0.9, 0.7), (0.8, 0.9), (0.7, 0.7)):
        page.mouse.click(*at(page, *corner))
    wait_for(lambda: len(setup.values(page)["camera.masks"]) == 2, 20, "a triangle")
    assert page.inner_text("#mask-list").count("Mask") == 2
    page.click('#mask-list button[aria-label="Delete: Mask 1"]')
    wait_for(lambda: len(setup.values(page)["camera.masks"]) == 1, 20, "one mask less")
    page.click("#undo")
    wait_for(lambda: len(setup.values(page)["camera.masks"]) == 2, 20, "it is back")


def padded(points: list[list[float]]) -> list[list[float]]:
    """Five points, so that polygons compare while a corner is missing yet."""
    return [*points, *([[9.0, 9.0]] * (5 - len(points)))]


def test_masks_by_finger(setup: Setup) -> None:
    page = setup.look("mask", **LOOKS["phone, dark"])
    page.tap("#draw-mask")
    page.evaluate("() => scrollTo(0, 0)")
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *point: float) -> None:
        points = [dict(zip("xy", at(page, *point), strict=True))] if point else []
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.2, 0.2)
    for step in range(1, 6):
        touch("touchMove", 0.2 + 0.06 * step, 0.2 + 0.06 * step)
    touch("touchEnd")
    wait_for(lambda: len(setup.values(page)["camera.masks"]) == 1, 20, "a mask")
    assert near(setup.values(page)["camera.masks"][0], [[0.2, 0.2], [0.5, 0.2], [0.5, 0.5], [0.2, 0.5]])
    assert page.evaluate("() => scrollY") == 0


def test_a_shape_that_crosses_itself_is_refused_and_the_one_before_stays(setup: Setup) -> None:
    page = setup.look("mask")
    page.click("#add-mask")
    wait_for(lambda: len(setup.values(page)["camera.masks"]) == 1, 20, "a mask")
    before = setup.values(page)["camera.masks"]
    pull(page, (0.6, 0.4), (0.5, 0.8))
    wait_for(lambda: page.is_visible("#mask-problem"), 20, "a sentence")
    assert "edges cross" in page.inner_text("#mask-problem")
    assert setup.values(page)["camera.masks"] == before
    assert [line for line in setup.said if "422" not in line] == []
    setup.said.clear()


@pytest.mark.parametrize(
    ("clicks", "wanted"),
    [
        (["#rotation input[value='90']"], [[0.8, 0.1], [0.8, 0.3], [0.6, 0.3]]),
        (["#rotation input[value='270']"], [[0.2, 0.9], [0.2, 0.7], [0.4, 0.7]]),
        (["#hflip"], [[0.9, 0.2], [0.7, 0.2], [0.7, 0.4]]),
        (
            ["#rotation input[value='90']", "#vflip", "#rotation input[value='180']"],
            [[0.9, 0.2], [0.7, 0.2], [0.7, 0.4]],
        ),
    ],
)
def test_masks_turn_with_the_picture(
    edge: Edge, browser: Any, tmp_path: Path, clicks: list[str], wanted: list[list[float]]
) -> None:
    setup = Setup(edge, browser, tmp_path, more="  masks:\n    - [[0.1, 0.2], [0.3, 0.2], [0.3, 0.4]]\n")
    page = setup.look()
    for selector in clicks:
        page.locator(selector).check(force=True)
    wait_for(lambda: near(setup.values(page)["camera.masks"][0], wanted), 20, "the turned mask")
    assert page.is_visible("#turned")
    page.context.close()


# The keyboard alone


def test_from_the_first_step_to_the_saved_file_by_keyboard_alone(setup: Setup) -> None:
    page = setup.look()
    for step in STEPS[1:3]:
        tab_to(page, f'#next[href="#{step}"]')
        page.keyboard.press("Enter")
        page.wait_for_selector(f"#step-{step}", state="visible")
    tab_to(page, "#draw-mask")
    press(
        page,
        "Enter",
        *["ArrowLeft"] * 5,
        "Enter",
        *["ArrowRight"] * 5,
        "Enter",
        "ArrowDown",
        "Shift+ArrowDown",
        "Enter",
    )
    press(page, "Enter")  # once more without moving
    wait_for(lambda: len(setup.values(page)["camera.masks"]) == 1, 20, "a mask")
    press(page, "Enter", "ArrowLeft", "Escape", "Shift+ArrowUp")  # its first corner, then the whole
    wanted = [[0.39, 0.45], [0.5, 0.45], [0.5, 0.57]]
    wait_for(lambda: near(setup.values(page)["camera.masks"][0], wanted), 20, "the moved mask")
    tab_to(page, '#next[href="#connect"]')
    press(page, "Enter")
    tab_to(page, "#name")
    press(page, "Control+a")
    page.keyboard.type("room-204")
    tab_to(page, '#next[href="#answer"]')
    press(page, "Enter")
    tab_to(page, 'input[name="mode"]')
    press(page, "ArrowDown")
    tab_to(page, "#responsible")
    page.keyboard.type("Mrs Doe")
    tab_to(page, "#week td")
    press(page, "Space", "Shift+ArrowRight")
    tab_to(page, '#next[href="#save"]')
    press(page, "Enter")
    wait_for(lambda: "room-204" in text(page, "difference"), 20, "the difference")
    tab_to(page, "#save")
    press(page, "Enter")
    wait_for(lambda: "Saved in" in text(page, "save-said"), 30, "it is saved")
    saved = setup.config.read_text()
    assert saved.startswith("# ours\n")
    assert "source: sample:12 # drawn" in saved
    found = yaml.safe_load(saved)
    assert near(found["camera"]["masks"][0], wanted)
    assert found["device"]["name"] == "room-204"
    assert found["mode"] == "facing"
    assert found["deployment"]["responsible"] == "Mrs Doe"
    assert found["privacy"]["schedule"] == [{"days": ["mon", "tue"], "from": "12:00", "to": "13:00"}]


def test_corners_and_shapes_go_by_keyboard(setup: Setup) -> None:
    page = setup.look("mask")
    tab_to(page, "#add-mask")
    press(page, "Enter", "Enter", "Enter", "Delete")  # the new shape has the focus; its second corner goes
    wait_for(lambda: list(map(len, setup.values(page)["camera.masks"])) == [3], 20, "a triangle")
    press(page, "+")
    wait_for(lambda: list(map(len, setup.values(page)["camera.masks"])) == [4], 20, "four corners")
    press(page, "Escape", "Delete")
    wait_for(lambda: setup.values(page)["camera.masks"] == [], 20, "no mask")
    press(page, "Control+z")
    wait_for(lambda: list(map(len, setup.values(page)["camera.masks"])) == [4], 20, "it is back")


# The week


def test_hours_are_painted_and_exact_times_stay(setup: Setup) -> None:
    page = setup.look("answer")
    page.fill("#pause-from", "09:45")
    page.fill("#pause-to", "10:15")
    page.click("#pause-form button")
    week = ["mon", "tue", "wed", "thu", "fri"]
    exact = {"days": week, "from": "09:45", "to": "10:15"}
    wait_for(lambda: setup.values(page)["privacy.schedule"] == [exact], 20, "exact times")
    page.locator('td[data-day="5"][data-hour="0"]').scroll_into_view_if_needed()
    start, end = (page.locator(f'td[data-day="{day}"][data-hour="2"]').bounding_box() for day in (5, 6))
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 5, end["y"] + 5, steps=5)
    page.mouse.up()
    painted = {"days": ["sat", "sun"], "from": "02:00", "to": "03:00"}
    wait_for(lambda: setup.values(page)["privacy.schedule"] == [exact, painted], 20, "painted hours")
    partly = page.get_attribute('td[data-day="0"][data-hour="9"]', "aria-label")
    assert partly == "Monday 09:00: partly closed"
    assert "Saturday and Sunday" in page.inner_text("#pauses") or "Sat and Sun" in page.inner_text("#pauses")


# Two browsers, and the manners of the page


def test_a_second_browser_is_told_what_the_first_has_changed(setup: Setup) -> None:
    first, second = setup.look("connect"), setup.look("connect")
    first.fill("#name", "room-1a")
    wait_for(lambda: setup.values(first)["device.name"] == "room-1a", 20, "the first change")
    second.fill("#prefix", "school")
    wait_for(lambda: second.is_visible("#overtaken"), 20, "the second is told")
    assert "in another browser" in second.inner_text("#overtaken")
    second.locator("body").click(position={"x": 2, "y": 2})
    wait_for(lambda: second.input_value("#name") == "room-1a", 20, "it shows the name")
    assert setup.values(second)["device.prefix"] == "classroom"
    second.fill("#prefix", "school-2")
    wait_for(lambda: setup.values(second)["device.prefix"] == "school-2", 20, "and goes on")
    assert [line for line in setup.said if "409" not in line] == []
    setup.said.clear()


def test_what_is_wrong_is_said_beside_its_field(setup: Setup) -> None:
    page = setup.look("connect")
    page.fill("#broker", "http://broker")
    page.keyboard.press("Tab")
    wait_for(lambda: page.get_attribute("#broker", "aria-invalid") == "true", 20, "the mark")
    note = page.get_attribute("#broker", "aria-describedby").split()[-1]
    assert "mqtt://" in text(page, note)
    assert page.input_value("#broker") == "http://broker"
    assert setup.values(page)["mqtt.broker"] == "embedded"
    page.fill("#broker", "mqtt://broker.example")
    wait_for(lambda: setup.values(page)["mqtt.broker"] == "mqtt://broker.example", 20, "the mended value")
    assert page.get_attribute("#broker", "aria-invalid") == "false"
    assert [line for line in setup.said if "422" not in line] == []
    setup.said.clear()


def test_what_stands_above_the_file_cannot_be_changed(edge: Edge, browser: Any, tmp_path: Path) -> None:
    setup = Setup(edge, browser, tmp_path, options=("--set", "device.name=room-9"))
    page = setup.look("connect")
    assert page.is_disabled("#name")
    assert page.input_value("#name") == "room-9"
    assert "stands above the file" in text(page, "problem-device-name")
    page.context.close()


def test_a_live_camera_that_is_not_there_and_who_answers_for_it(edge: Edge, browser: Any, tmp_path: Path) -> None:
    setup = Setup(edge, browser, tmp_path, source="http://127.0.0.1:9/none")
    page = setup.look("save", picture=False, locale="de")
    wait_for(lambda: len(text(page, "status")) > 10, 60, "why there is no picture")
    choose_expressions(page, picture=False)
    show(page, "save")
    assert "something to do" not in page.inner_text("#steps")
    wait_for(lambda: bool(setup.state(page)["problems"]), 20, "somebody to answer for them")
    assert "noch etwas zu tun" in text(page, "steps")
    assert page.is_disabled("#save")
    assert "Füllen Sie beides aus" in page.inner_text("#problems")
    page.click('#problems a[href="#answer"]')
    page.fill("#responsible", "Frau Doe")
    page.fill("#legal-basis", "Einwilligung")
    wait_for(lambda: setup.state(page)["problems"] == [], 20, "nothing more to do")
    show(page, "save")
    wait_for(lambda: page.is_enabled("#save"), 20, "it can be saved")
    page.context.close()


def test_the_connection_is_tried_and_the_password_is_never_shown(setup: Setup, broker: int) -> None:
    page = setup.look("connect")

    def mark() -> str:
        return page.get_attribute('#steps a[href="#connect"]', "class") or ""

    assert mark() == "looked"  # nobody has to reach the broker inside the device, and nobody has tried
    page.fill("#broker", f"mqtt://127.0.0.1:{broker}")
    wait_for(lambda: mark() == "", 20, "another broker is to be tried")
    page.fill("#username", "room")
    page.fill("#password", "correct horse")
    page.click("#try")
    wait_for(lambda: page.locator("#checks .ok").count() == 2, 30, "the round trip, and the name")
    assert "round trip" in page.inner_text("#checks")
    assert mark() == "done"
    assert "Free." in page.inner_text("#rooms")
    assert "A password is given" in page.inner_text("#password-state")
    assert setup.state(page)["password"] == "given"
    assert page.input_value("#password") == ""
    assert "correct horse" not in page.content() + str(setup.state(page))
    page.fill("#broker", "mqtt://127.0.0.1:9")
    page.click("#try")
    wait_for(lambda: page.locator("#checks .failed .remedy").count() == 1, 30, "a remedy")
    assert "type it again" in page.inner_text("#password-state")  # it was for the broker before
    page.fill("#password", "correct horse")
    page.click("#try")
    wait_for(lambda: "127.0.0.1:9" in page.inner_text("#checks"), 30, "what is wrong with that broker")
    assert "A password is given" in page.inner_text("#password-state")
    wait_for(lambda: page.is_enabled("#try"), 30, "the answer about the rooms there, which nobody knows")
    assert [line for line in setup.said if "422" not in line] == []
    setup.said.clear()
    page.context.close()


CHANGE = """async (file) => {
  const headers = { "X-Edge-Setup": "1", "Content-Type": "application/json" };
  const { revision } = await (await fetch("api/state", { headers })).json();
  const body = JSON.stringify({ revision, set: { "camera.ca_file": file } });
  await fetch("api/change", { method: "POST", headers, body });
}"""


def test_an_address_goes_to_no_camera_without_the_ca_file_that_the_page_showed(setup: Setup, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="OpenCV decodes video, and checks no certificates")
    make_certificates(tmp_path)
    with tls_camera(tmp_path / "stranger.pem") as stranger:  # in the camera's place
        page = setup.look()
        page.evaluate(CHANGE, f"{tmp_path}/ca.pem")
        page.reload()
        show(page, "camera")
        wait_for(lambda: "ca.pem" in page.inner_text("#camera-certificate"), 20, "whose certificate counts")
        page.type("#source", stranger.url("rtsps"))
        page.evaluate(CHANGE, None)  # as from another browser: the page is not told
        page.press("#source", "Enter")
        wait_for(lambda: "beside another camera.ca_file" in page.inner_text("#opened"), 20, "why it is not opened")
        assert "No certificate is checked" in page.inner_text("#camera-certificate")
        assert stranger.asked == []
    assert [line for line in setup.said if "409" not in line] == []
    setup.said.clear()


def test_a_password_goes_to_no_broker_that_came_into_the_page_while_it_was_typed(setup: Setup) -> None:
    page, other = setup.look("connect"), setup.look("connect", picture=False)
    page.fill("#broker", "mqtt://127.0.0.1:9")
    page.fill("#username", "room")
    wait_for(lambda: setup.values(page)["mqtt.username"] == "room", 20, "the broker and user")
    other.reload()
    show(other, "connect")
    page.type("#password", "correct")
    other.fill("#broker", "mqtt://127.0.0.1:10")
    wait_for(lambda: setup.values(other)["mqtt.broker"].endswith(":10"), 20, "the other broker")
    page.evaluate(  # a change by which this page learns of it, without leaving the password
        "() => { const name = document.getElementById('name'); "
        "name.value = 'room-17'; name.dispatchEvent(new Event('change')); }"
    )
    wait_for(lambda: page.input_value("#broker").endswith(":10"), 20, "the other broker here")
    page.press("#password", "Enter")
    wait_for(lambda: "typed for another" in page.inner_text("#password-state"), 20, "why it is not taken")
    page.fill("#name", "room-18")
    wait_for(lambda: setup.values(page)["device.name"] == "room-18", 20, "the name, which shows the state anew")
    assert "typed for another broker or user" in page.inner_text("#password-state")
    assert setup.state(page)["password"] == "none"
    page.fill("#password", "for the other one")  # now that the person has seen it
    page.keyboard.press("Enter")
    wait_for(lambda: setup.state(page)["password"] == "given", 20, "the password")
    wait_for(lambda: "A password is given" in page.inner_text("#password-state"), 20, "what the page says of it")
    assert [line for line in setup.said if "409" not in line and "422" not in line] == []  # no broker is there
    setup.said.clear()


def test_nothing_is_saved_that_the_page_has_not_shown(setup: Setup) -> None:
    before = setup.config.read_bytes()
    page, other = setup.look("save", picture=False), setup.look("connect", picture=False)
    other.fill("#broker", "mqtt://127.0.0.1:10")
    wait_for(lambda: setup.values(other)["mqtt.broker"].endswith(":10"), 20, "the other broker")
    page.evaluate(  # a change that is still on its way
        "() => { const name = document.getElementById('name'); name.value = 'hall'; "
        "name.dispatchEvent(new Event('change')); document.getElementById('save').click(); }"
    )
    wait_for(lambda: "in another browser" in page.inner_text("#save-said"), 20, "why it is not saved")
    wait_for(lambda: "127.0.0.1:10" in text(page, "difference"), 20, "what would be saved now")
    show(page, "connect")
    page.fill("#password", "no bell: \a")
    show(page, "save")
    page.click("#save")
    wait_for(lambda: "cannot be typed" in page.inner_text("#save-said"), 20, "why the password is not saved")
    assert setup.config.read_bytes() == before
    page.click("#save")
    wait_for(lambda: "Saved in" in page.inner_text("#save-said"), 20, "the end")
    assert "127.0.0.1:10" in setup.config.read_text()
    assert [line for line in setup.said if "409" not in line and "422" not in line] == []
    setup.said.clear()


def test_what_is_refused_is_neither_tried_nor_saved(setup: Setup) -> None:
    page = setup.look("connect")
    page.fill("#broker", "http://broker")
    page.click("#try")
    wait_for(lambda: "mqtt://" in page.inner_text("#checks"), 20, "why nothing was tried")
    assert page.locator("#checks .ok").count() == 0
    page.fill("#broker", "127.0.0.1:9")  # as everybody types it
    page.click("#try")
    wait_for(lambda: "127.0.0.1:9" in page.inner_text("#checks"), 30, "a try of what stands there")
    assert setup.values(page)["mqtt.broker"] == "mqtt://127.0.0.1:9"
    wait_for(lambda: page.is_enabled("#try"), 30, "the answer about the rooms there, which nobody knows")
    show(page, "answer")
    page.fill("#zone", "Berlin")
    show(page, "save")
    wait_for(lambda: "Berlin" in page.inner_text("#problems"), 20, "the refused time zone")
    assert page.is_disabled("#save")
    show(page, "answer")
    page.click("#problem-privacy-time_zone button")
    wait_for(lambda: setup.values(page)["privacy.time_zone"] == "Europe/Berlin", 20, "the suggestion")
    show(page, "save")
    wait_for(lambda: page.is_enabled("#save"), 20, "it can be saved")
    assert [line for line in setup.said if "422" not in line] == []
    setup.said.clear()


def test_a_proposal_that_changes_the_file_is_said_before_it_is_saved(setup: Setup) -> None:
    page = setup.look("save")
    said = "The file says: Expressions. Saving changes it to: Heads."
    wait_for(lambda: said in page.inner_text("#problems"), 20, "the note before saving")
    assert page.is_enabled("#save")
    show(page, "answer")
    assert text(page, "mode-changes") == said
    page.check('input[value="emotions"]')
    wait_for(lambda: text(page, "mode-changes") == "", 20, "nothing changes")


def test_fewer_people_than_the_smallest_group_are_noticed(setup: Setup) -> None:
    page = setup.look("answer")
    page.fill("#min-faces", "900")
    wait_for(lambda: "fewer than 900" in text(page, "few"), 30, "the note")
    show(page, "save")
    wait_for(lambda: "fewer than 900" in page.inner_text("#problems"), 30, "the note before saving")
    assert page.is_enabled("#save")


def test_a_hand_taps_an_hour_scrolls_past_it_or_holds_and_paints(setup: Setup) -> None:
    page = setup.look("answer", **LOOKS["phone, dark"])
    hour = 'td[data-day="0"][data-hour="2"]'
    page.locator(hour).scroll_into_view_if_needed()
    page.tap(hour)
    monday = {"days": ["mon"], "from": "02:00", "to": "03:00"}
    wait_for(lambda: setup.values(page)["privacy.schedule"] == [monday], 20, "the hour")
    begin, end = (page.locator(f'td[data-day="{day}"][data-hour="4"]').bounding_box() for day in (1, 2))
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *at: float) -> None:
        points = [{"x": at[0] + 5, "y": at[1] + 5}] if at else []
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = page.evaluate("() => scrollY")
    touch("touchStart", begin["x"], begin["y"])
    for step in range(1, 11):
        touch("touchMove", begin["x"], begin["y"] - 12 * step)
    touch("touchEnd")
    wait_for(lambda: page.evaluate("() => scrollY") > before, 20, "the page has scrolled")
    assert setup.values(page)["privacy.schedule"] == [monday]
    page.locator(hour).scroll_into_view_if_needed()
    begin, end = (page.locator(f'td[data-day="{day}"][data-hour="4"]').bounding_box() for day in (1, 2))
    touch("touchStart", begin["x"], begin["y"])
    wait_for(lambda: page.locator("#week td.closed").count() == 2, 20, "the held hour")
    touch("touchMove", end["x"], end["y"])
    touch("touchEnd")
    held = {"days": ["tue", "wed"], "from": "04:00", "to": "05:00"}
    wait_for(lambda: setup.values(page)["privacy.schedule"] == [monday, held], 20, "painted hours")
    page.click("#week-undo")
    wait_for(lambda: setup.values(page)["privacy.schedule"] == [monday], 20, "undone")


def test_nothing_is_published_and_the_end_is_said(
    edge: Edge, browser: Any, broker: int, subscribe: Callable[..., Subscriber], tmp_path: Path
) -> None:
    subscriber = subscribe(broker, "#")
    setup = Setup(edge, browser, tmp_path, more=f"mqtt:\n  broker: mqtt://127.0.0.1:{broker}\n")
    page = setup.look()
    seen = number(page)
    wait_for(lambda: number(page) > seen + 2, 60, "newer pictures")
    setup.process.send_signal(signal.SIGINT)
    assert setup.process.wait(20) == 0
    assert setup.process.communicate()[1] == ""
    wait_for(lambda: "No connection" in text(page, "status"), 60, "the page to say that it is over")
    assert subscriber.messages == []
    page.context.close()


@pytest.mark.parametrize("chosen", [None, 0, 1])
def test_the_notice_fits_one_page_and_prints_the_line_that_was_chosen(browser: Any, chosen: int | None) -> None:
    triangle = [[0, 0], [0.5, 0], [0.5, 0.5]]
    pause = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "12:00", "to": "13:00"}
    privacy = {"schedule": [pause, {**pause, "days": ["sat", "sun"]}], "time_zone": "UTC"}
    config = Config.model_validate({"mode": "emotions", "camera": {"masks": [triangle]}, "privacy": privacy})
    page = browser.new_page()
    page.set_content(notice(config, "de"))
    if chosen is not None:
        page.locator("input").nth(chosen).check()
    pages = re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True))
    assert len(pages) == 1
    page.emulate_media(media="print")
    assert [each.is_visible() for each in page.locator(".choice li").all()] == [chosen in (None, n) for n in (0, 1)]
    page.close()
