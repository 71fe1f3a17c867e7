"""The last minutes of a room as they were recorded, which after a restart are more than the page has heard."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from edge.config.broker_url import BrokerUrl
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.subscription import Subscription
from edge.recording.database import Database
from edge.web.dashboard import server
from edge.web.dashboard.past import Past
from edge.web.dashboard.school import School
from tests.support.simulated_school import Classroom
from tests.support.stores import as_messages


def test_a_slow_board_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0)  # whatever a file takes is longer
    room, now = Classroom("room-1", 1), datetime.now(timezone.utc)
    recording = Database(tmp_path / "school.sqlite", "classroom")
    recording.start()
    recording.store(as_messages([room.window(seq, now - seq * timedelta(minutes=1)) for seq in range(1, 6)]), now)
    recording.stop()
    past = Past(tmp_path / "school.sqlite", None, timezone.utc)
    school = School("classroom", 4, time.time)
    school.receive("classroom/room-1/availability", b"online")
    broker = BrokerSettings(BrokerUrl.parse("mqtt://127.0.0.1:1"), "edge-test")
    dashboard = server.Dashboard(Subscription(broker, "classroom", ["+"]), school, past)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=dashboard.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as visitor:
            return await visitor.get("/lesson", params={"room": "room-1", "minutes": 15})

    answer = asyncio.run(ask())
    past.stop()
    assert answer.json()["measured"] > 0
