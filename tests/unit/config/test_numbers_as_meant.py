"""Under a key for a number, nothing else passes for one: `min_faces: yes` would be 1, and withhold nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.config.key_rules import is_number, rule_of
from edge.config.keys import keys
from edge.config.loader import load_config
from edge.config.schema import Config
from edge.errors import ConfigError

NUMBERS = [key for key in keys() if key != "camera.masks" and is_number(rule_of(key.split(".")))]
MISTAKES = ("yes", "no", "on", "Off", "true", "False", "010", "1_5", "1:30", "2026-11-28", ".inf", ".nan", "!!int 010")


def wrong(file: Path | None, overrides: tuple[str, ...] = (), environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file, overrides, environment)
    return str(caught.value)


def test_all_numbers_are_looked_at() -> None:
    assert {"privacy.min_faces", "camera.rotation", "gpio.led", "metrics.port", "outbox.max_age_hours"} <= {*NUMBERS}
    assert len(NUMBERS) >= 25


@pytest.mark.parametrize("text", MISTAKES)
def test_every_numeric_key_wherever_it_stands(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    found = text.removeprefix("!!int ")
    for key in NUMBERS:
        section, _, name = key.rpartition(".")
        said = f"{key}: found '{found}'; "
        file.write_text(f"{section}:\n  # a comment\n  {name}: {text}\n")
        assert f"{file}:3: {said}" in wrong(file)
        assert f"--set {said}" in wrong(None, (f"{key}={text}",))
        assert f"--set {section}: {said}" in wrong(None, (f"{section}={{{name}: {text}}}",))
        variable = f"EDGE_{section}__{name}".upper()
        assert f"environment {variable}: {said}" in wrong(None, (), {variable: text})


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("key", NUMBERS)
def test_no_number_of_the_schema_takes_a_truth(key: str, value: Any) -> None:
    section, _, name = key.rpartition(".")
    with pytest.raises(ValueError, match=f"found {str(value).lower()}; write a number"):
        Config.model_validate({section: {name: value}})


def test_the_remedy_says_what_to_write() -> None:
    assert "found 'yes'; allowed: a whole number from 1 to 1000 (" in wrong(None, ("privacy.min_faces=yes",))
    assert "found '010'; leave the zero in front out; allowed: a whole number" in wrong(
        None, ("privacy.min_faces=010",)
    )
    assert "found 'on'; allowed: a whole number from 0 to 27 (pin" in wrong(None, ("gpio.led=on",))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *[("5", 5), ("5.0", 5), ("'5'", 5), ("+5", 5), ("05", 5), ("08", 8), ("0x10", 16), ("0b11", 3)],
        *[("1_000", 1000), ("'1_000'", 1000)],
        *[("5.", 5), ("1e3", 1000), ("'1e3'", 1000), ("1.5e+1", 15), ("!!int 5", 5), ("!!float 5", 5), ("2.5", 2.5)],
    ],
)
def test_what_was_meant_stays(tmp_path: Path, text: str, meant: float) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"window:\n  seconds: {text}  # a comment\n")
    assert load_config(file).window.seconds == meant
    assert load_config(None, [f"window.seconds={text}"]).window.seconds == meant
    if meant == int(meant) and "e3" not in text:
        assert load_config(None, [f"privacy.min_faces={text}"]).privacy.min_faces == meant


def test_shares_points_and_what_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "vision: {min_confidence: .5, count_area: [[0, 0], [.5, 0.0], [5.0e-1, 1]]}\n"
        "gpio: {led: ~, button: null}\ncamera: {rotation: 90.0}\n"
    )
    config = load_config(file)
    assert (config.vision.min_confidence, config.gpio.led, config.camera.rotation) == (0.5, None, 90)
    assert config.vision.count_area == ((0, 0), (0.5, 0), (0.5, 1))
