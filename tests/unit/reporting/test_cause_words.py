"""Why a room is closed is said in each language, by its kind."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from edge.daemon import unset_clock
from edge.languages.words import Words
from edge.reporting.cause_words import reason_as_json, reason_in_words
from edge.reporting.gaps import Gap
from edge.reporting.wording import reason
from edge.text import Sentence

CLOCK = "Pause: Es gibt einen Plan, aber die Uhr dieses Geräts ist nicht gestellt (NTP)"
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def in_german(said: str) -> str:
    words = Words("de")
    return "; ".join(words.say(part) if isinstance(part, Sentence) else part for part in reason_in_words(said))


@pytest.mark.parametrize(
    ("said", "german"),
    [
        ("paused by a person at the device", "Pause durch eine Person am Gerät"),
        ("paused by Frau Meier, over MQTT", "Pause durch Frau Meier, über MQTT"),
        ("paused by Frau Meier; the camera is still closing", "Pause durch Frau Meier; die Kamera schließt noch"),
        ("paused by the schedule until 13:00", "Pause nach Plan bis 13:00"),
        ("paused by the schedule until Mon 08:00", "Pause nach Plan bis Montag, 08:00"),
        (f"paused: {unset_clock.PROBLEM}", CLOCK),
        ("usb:0 was unplugged", "usb:0 was unplugged"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_reason_is_told_by_its_kind(said: str, german: str) -> None:
    assert in_german(said) == german
    assert "; ".join(str(part) for part in reason_in_words(said)) == said.replace("Mon 0", "Monday, 0")


def test_a_page_gets_what_its_catalogue_can_look_up() -> None:
    assert reason_as_json("paused by {name}; x") == [{"text": "paused by {name}", "values": {"name": "{name}"}}, "x"]


def test_a_gap_says_once_that_it_is_a_pause() -> None:
    def told(kind: str, detail: str) -> str:
        return reason(Gap(NOON, NOON + timedelta(hours=1), kind, detail), Words("de"))

    assert told("paused", "paused by a person at the device") == "Pause durch eine Person am Gerät"
    assert told("paused", "") == "Pause"
    assert told("camera_lost", "usb:0 was unplugged") == "Kamera verloren: usb:0 was unplugged"
