"""The dashboard of docs/subscribers in a real Home Assistant, looked at in a real browser."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, Error, Page

from edge.contract.examples import INFO, SUPPRESSED
from edge.contract.payloads import Alerts, NamedAlert, State
from edge.contract.topics import Topics
from edge.mqtt.home_assistant_entities import config_topic, discovery
from tests.support.brokers import free_port
from tests.support.paths import ROOT
from tests.system.homeassistant.instance import CLIENT, HomeAssistant
from tests.system.subscribers.chromium import browser
from tests.system.subscribers.house import (
    FILES,
    PICTURES,
    CheckError,
    broker,
    daemon,
    send,
    step,
    wait_until,
)

FILE = FILES / "home-assistant-dashboard.yaml"
PROGRAM = ROOT / "build/homeassistant/venv/bin/hass"
LOVELACE = """
history:
lovelace:
  dashboards:
    edge-rooms: {mode: yaml, title: Rooms, icon: mdi:account-group, filename: home-assistant-dashboard.yaml}
    edge-broken: {mode: yaml, title: Broken, filename: broken.yaml}
"""
FAULTS = (
    "hui-error-card, hui-warning, hui-error-badge, .errors, ha-alert[alert-type=error], ha-alert[alert-type=warning]"
)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
INFO_OF_OTHERS = INFO.model_copy(update={"labels": ["happy", "neutral"], "window_seconds": 600.0})


class Dashboard:
    """Home Assistant with our dashboard in it, and a browser that is logged in.

    Args:
        folder: For its files.
        chromium: The browser.
    """

    def __init__(self, folder: Path, chromium: Browser) -> None:
        self.instance = HomeAssistant(PROGRAM, folder, free_port())
        with (folder / "configuration.yaml").open("a") as configuration:
            configuration.write(LOVELACE)
        text = FILE.read_text()
        (folder / FILE.name).write_text(text)
        # What a fault looks like is seen on this one: an entity and a kind of card that do not exist.
        broken = text.replace("sensor.room_1_happy", "sensor.room_1_nothing").replace(
            "type: history-graph", "type: hist"
        )
        (folder / "broken.yaml").write_text(broken)
        self._chromium = chromium
        self._pages: dict[int, Page] = {}

    def log_in(self) -> None:
        """End what a new Home Assistant asks first, and open pages that know who looks."""
        for name, answer in {"core_config": {}, "analytics": {}, "integration": {"redirect_uri": CLIENT}}.items():
            self.instance.post(f"/api/onboarding/{name}", {"client_id": CLIENT, **answer} if answer else {})
        tokens = {
            "access_token": self.instance.token, "token_type": "Bearer", "expires_in": 1800, "refresh_token": "",
            "hassUrl": self.instance.url, "clientId": CLIENT, "expires": 4102444800000,
        }  # fmt: skip
        for size in (PHONE, DESK):
            page = self._chromium.new_page(viewport=size, device_scale_factor=1)  # type: ignore[arg-type]
            page.add_init_script(f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})")
            self._pages[size["width"]] = page

    def open(self, view: str, size: dict[str, int], expected: str, dashboard: str = "edge-rooms") -> Page:
        """Go to a view, and wait until it shows a text."""
        page = self._pages[size["width"]]
        page.goto(f"{self.instance.url}/{dashboard}/{view}")
        page.get_by_text(expected).first.wait_for(timeout=60_000)
        page.wait_for_timeout(3000)  # graphs ask for their figures last
        return page

    def faults(self, page: Page) -> int:
        """How many cards complain."""
        return page.locator(FAULTS).count()


def others(port: int) -> None:
    """Three rooms that have something to tell, without a daemon."""
    tell = {"room-2": "running", "room-3": "camera_lost", "room-4": "running"}
    for name, mode in tell.items():
        topics = Topics("classroom", name)
        state = State.model_validate(
            {"mode": mode, "reason": "no frame for 5 s: check the cable", "since": "2026-10-04T08:15:00.000Z"}
        )
        info = INFO_OF_OTHERS.model_copy(update={"device": name})
        send(port, config_topic("homeassistant", topics), discovery(info, topics), retain=True)
        send(port, topics.state, state.to_json(), retain=True)
        send(port, topics.latest, SUPPRESSED.model_copy(update={"device": name}).to_json(), retain=True)
        send(port, topics.availability, b"offline" if name == "room-4" else b"online", retain=True)


def check(folder: Path, port: int, chromium: Browser) -> None:
    """All of it."""
    dashboard = Dashboard(folder, chromium)
    try:
        dashboard.instance.start()
        dashboard.instance.add_mqtt(port)
        dashboard.log_in()
        step("Home Assistant has started")
        with daemon(folder, port):
            others(port)
            named = set(re.findall(r"\b(?:sensor|binary_sensor|switch)\.room_1_\w+", FILE.read_text()))
            there: set[str] = set()

            def all_there() -> bool:
                there.update(state["entity_id"] for state in dashboard.instance.entities().values())
                return named <= there

            wait_until(
                all_there, 60, f"the {len(named)} entities that the dashboard names; {sorted(named - there)} missing"
            )
            step(f"all {len(named)} entities that the dashboard names exist")
            look(dashboard)
        look_at_markup(dashboard, port)
    finally:
        dashboard.instance.stop()
    complaints = [line for line in dashboard.instance.complaints() if "check the cable" not in line]
    if complaints:
        raise CheckError("Home Assistant complains:\n" + "\n".join(complaints))


def look(dashboard: Dashboard) -> None:
    """Every view, wide and narrow, and what the room's pause does to it."""
    if not dashboard.faults(dashboard.open("room-1", DESK, "Neutral", "edge-broken")):
        raise CheckError("a missing entity and an unknown card are not seen as faults: this check is blind")
    for size in (DESK, PHONE):
        for view, expected in {"room-1": "This lesson", "all-rooms": "camera lost"}.items():
            page = dashboard.open(view, size, expected)
            if dashboard.faults(page):
                raise CheckError(f"{view}: {page.locator(FAULTS).all_inner_texts()}")
            page.screenshot(path=PICTURES / f"home-assistant-{view}-{size['width']}.png", full_page=True)
    rows = page.locator("table tr").all_inner_texts()
    step(f"no card complains, at 1400 and at 390 pixels; all rooms: {rows[1:]}")
    if len(rows) != 5 or not all(
        word in " ".join(rows) for word in ("offline", "camera lost", "too few people", "running")
    ):
        raise CheckError(f"all rooms: {rows}")
    page = dashboard.open("room-1", DESK, "This lesson")
    page.locator("hui-tile-card", has_text="Sensing").first.click()
    page.get_by_text("The camera is closed").first.wait_for(timeout=20_000)
    if dashboard.faults(page):
        raise CheckError(f"paused: {page.locator(FAULTS).all_inner_texts()}")
    page.screenshot(path=PICTURES / "home-assistant-paused.png", full_page=True)
    step("a tap on Sensing pauses the room, and the dashboard says so")


def look_at_markup(dashboard: Dashboard, port: int) -> None:
    """What somebody says in the place of room-1, whose daemon has ended, is shown as it stands there."""
    topics, since = Topics("classroom", "room-1"), "2026-10-04T08:15:00.000Z"
    elsewhere = "http://127.0.0.1:9"
    said = (
        f"# Expired\n\n# Expired\n\n[in]({elsewhere}/in) ![]({elsewhere}/seen.svg) {elsewhere}/bare www.example.org "
        f"a@example.org <a href={elsewhere}>a</a> <ha-alert alert-type='error'>Update</ha-alert> &lt; `b` **c**"
    )
    alert = NamedAlert(id="disk", problem=said, remedy=said, since=since)
    send(port, topics.alerts, Alerts(number=1, alerts=[alert]).to_json(), retain=True)
    send(port, topics.availability, b"online", retain=True)
    for mode, title in (("paused", "The camera is closed"), ("camera_lost", "Something is wrong")):
        state = State.model_validate({"mode": mode, "reason": said, "since": since})
        send(port, topics.state, state.to_json(), retain=True)
        page = dashboard.open("room-1", DESK, title)
        cards = page.locator("hui-markdown-card", has_text="Expired")
        if cards.count() != 2:
            raise CheckError(f"{cards.count()} cards show what a room says, not two: its state, and its alerts")
        found = cards.locator("a, img, h1, h2, pre, code, ha-alert").all_inner_texts()
        shown = cards.locator("ha-markdown-element").all_inner_texts()
        if found or not all(" ".join(said.split())[:200] in " ".join(text.split()) for text in shown):
            raise CheckError(f"what a room says is markup: {found} in {shown}")
        page.screenshot(path=PICTURES / f"home-assistant-markup-{mode}.png", full_page=True)
    step("what a room says is text: no links, pictures or headlines")


def main() -> int:
    """Run it; 0 when everything was as it should be."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-dashboard-")))
        try:
            check(folder, stack.enter_context(broker(folder)), stack.enter_context(browser()))
        except (CheckError, Error) as error:
            log = folder / "home-assistant.log"
            print(
                f"FAILED: {error}\n--- Home Assistant ---\n{log.read_text()[-3000:] if log.exists() else ''}",
                file=sys.stderr,
            )
            return 1
    print("home assistant: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
