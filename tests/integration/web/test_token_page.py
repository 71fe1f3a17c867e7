"""The page that asks for a token, in a real browser: deep links, signing out, and what happens when it is revoked."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
