"""Text stays text: what is typed without quotes under a text key is not turned into a number, a date or a truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.key_rules import rule_of
from edge.config.loader import load_config
from edge.config.schema import Config
from edge.config.yaml_text import former_reading, load
from edge.errors import ConfigError

LOOKS_LIKE_MORE = [
    "0123", "1.10", "1.1", "12:30", "1:2:3", "no", "on", "Yes", "true", "2026-11-28", "2026-11-28 12:00:00", "1e3",
    "1_000", "0x1F", "0b1", ".inf", ".nan", "-5", "-0", "007", "=", "<<", "9" * 60, "Raum 2",
]  # fmt: skip


@pytest.mark.parametrize("text", LOOKS_LIKE_MORE)
def test_a_plain_scalar_of_a_text_key_is_what_was_typed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"device: {{name: {text}, prefix: {text}}}\nmqtt:\n  username: {text}  # a comment\n")
    config = load_config(file)
    assert (config.device.name, config.device.prefix, config.mqtt.username) == (text, text, text)
    over = load_config(None, [f"device.name={text}", f"mqtt={{username: {text}}}"], {"EDGE_DEVICE__PREFIX": text})
    assert (over.device.name, over.device.prefix, over.mqtt.username) == (text, text, text)


@pytest.mark.parametrize("null", ["", "~", "null", "Null", "NULL"])
def test_null_stays_null(tmp_path: Path, null: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"mqtt: {{username: {null}}}\noutbox:\n  path: {null}\n")
    config = load_config(file, [f"privacy.time_zone={null}"], {"EDGE_MQTT__CA_FILE": null})
    assert config == Config()
    file.write_text(f"mqtt: {{username: '{null or 'null'}'}}\n")
    assert load_config(file).mqtt.username == (null or "null")


def test_lists_sections_aliases_and_merges_too(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "window: {seconds: &ten 10}\nvision: {emotions_output: *ten, fps: *ten}\n"
        "privacy:\n  schedule:\n    - &noon {days: [mon, tue], from: 12:30, to: 13:05}\n    - {<<: *noon, from: 7:05}\n"
    )
    config = load_config(file, ["privacy.time_zone=UTC"])
    assert (config.vision.emotions_output, config.vision.fps, config.window.seconds) == ("10", 10, 10)
    times = [(each.begin, each.end) for each in config.privacy.schedule]
    assert times == [("12:30", "13:05"), ("07:05", "13:05")]
    config = load_config(None, ["privacy.schedule=[{days: [sun], from: 22:00, to: 6:00}]"])
    assert [(each.begin, each.end) for each in config.privacy.schedule] == [("22:00", "06:00")]


def test_numbers_and_truths_stay_what_they_are_elsewhere() -> None:
    config = load_config(None, ["camera.loop=yes", "window.seconds=1e1", "gpio.led=0x11", "gpio.button=~"])
    assert (config.camera.loop, config.window.seconds, config.gpio.led, config.gpio.button) == (True, 10, 17, None)


def test_keys_are_text(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("device: {no: 1}\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:1: device\.no: unknown key"):
        load_config(file)


@given(st.from_regex(r"[0-9A-Za-z_.:+-]{1,12}", fullmatch=True))
def test_whatever_is_one_plain_scalar_is_itself(text: str) -> None:
    if text not in ("null", "Null", "NULL", "---", "...", "-") and not text.endswith(":"):
        assert load(text, rule_of(("device", "name"))) == text


def test_what_the_first_version_read() -> None:
    read = {
        "0123": "83",
        "1.10": "1.1",
        "12:30": "750",
        "room-1": "room-1",
        "no": "no",
        "204": "204",
        "1e400": "1e400",
        "12 #3": "12 #3",
    }
    read |= {"[" * 1000: "[" * 1000, "9" * 5000: "9" * 5000, "": ""}
    assert {text: former_reading(text) for text in read} == read
