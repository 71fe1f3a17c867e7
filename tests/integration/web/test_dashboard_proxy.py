"""The dashboard behind a reverse proxy, under a path of its own, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.dashboard_page import Room, see
from tests.support.reverse_proxy import reverse_proxy

TOKEN = "0123456789abcdef0123"


def test_every_view_works_under_a_path(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    port = urlsplit(dashboard(broker)).port
    assert port is not None
    with reverse_proxy(port) as address:  # open_page sees to it that nothing beside that path is asked for
        room = Room(broker, seconds=1)
        page = open_page(f"{address}#now/room-1")
        for seq in range(1, 4):
            room.window(seq)
        see(page, "#link", "● connected")
        page.locator("#now-chart .main-svg").first.wait_for()
        page.locator("nav a[data-view=lesson]").click()
        page.locator("#lesson-chart .main-svg").first.wait_for()
        page.locator("nav a[data-view=school]").click()
        see(page, ".tile h3", "room-1")
        page.close()


def test_a_token_is_taken_under_a_path_and_any_name(broker: int, edge: Any, open_page: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    process = edge(
        "dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0", "--token-file", str(tmp_path / "token")
    )
    process.stdout.readline()
    port = urlsplit(process.stdout.readline().strip()).port
    Room(broker, seconds=1).window(1)
    with reverse_proxy(port, keep_host=True) as address:
        page = open_page(f"{address}?token={TOKEN}#school")
        see(page, ".tile h3", "room-1")
        assert page.url == f"{address}#school"
        page.close()
