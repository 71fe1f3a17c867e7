"""How much a device may add: a full outbox, then little an hour; strangers do not use up the share of others."""

from __future__ import annotations

import pytest

from edge.recording import allowance
from edge.recording.allowance import FULL_OUTBOX, HOUR, MOST_DEVICES, PER_HOUR, Allowance

WINDOW = 1070  # bytes: 60,000 of them are an outbox of 64 MB


@pytest.fixture
def reported() -> list[str | None]:
    return []


@pytest.fixture
def allowed(reported: list[str | None]) -> Allowance:
    return Allowance(reported.append)


def _admitted(allowed: Allowance, device: str, length: int, now: float, most: int) -> int:
    return sum(allowed.admits(device, length, now) for _ in range(most))


def test_an_outbox_is_stored_whole_and_then_little_an_hour(allowed: Allowance, reported: list[str | None]) -> None:
    assert _admitted(allowed, "room-1", WINDOW, 0.0, 60_000) == 60_000
    assert allowed.refused == 0
    admitted = _admitted(allowed, "room-1", WINDOW, 0.0, 100_000)
    assert 60_000 * WINDOW + admitted * WINDOW <= FULL_OUTBOX
    assert allowed.refused == 100_000 - admitted
    an_hour = sum(allowed.admits("room-1", WINDOW, HOUR * step / 20_000) for step in range(1, 20_001))
    assert 0.9 * PER_HOUR < an_hour * WINDOW <= PER_HOUR
    assert reported == ["room-1"]
    _admitted(allowed, "room-1", WINDOW, HOUR + 1.0, 100)
    assert reported == ["room-1", "room-1"]  # once an hour
    assert allowed.admits("room-2", WINDOW, 1.0)


def test_small_messages_cost_what_a_row_takes(allowed: Allowance) -> None:
    assert _admitted(allowed, "room-1", 6, 0.0, 200_000) * allowance.SMALLEST <= FULL_OUTBOX


def test_strangers_together_have_one_share_that_known_devices_do_not_need(
    allowed: Allowance, reported: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "NEW_DEVICES", 100_000)
    allowed.know(["room-1"])
    admitted = sum(allowed.admits(f"made-up-{n}", 1000, 0.0) for n in range(1000))
    assert 0 < admitted * 1000 <= 100_000
    assert reported == [None]
    assert allowed.admits("room-1", WINDOW, 0.0)


def test_devices_are_not_without_number(allowed: Allowance, reported: list[str | None]) -> None:
    allowed.know(["room-1"])
    assert sum(allowed.admits(f"made-up-{n}", 10, 0.0) for n in range(2 * MOST_DEVICES)) == MOST_DEVICES
    assert reported == [None]
    assert allowed.admits("room-1", WINDOW, 0.0)
