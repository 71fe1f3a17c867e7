"""What `camera.source: auto` opens."""

from __future__ import annotations

import pytest

from edge.cameras.factory import resolve_source
from edge.cameras.found import FoundCamera
from edge.config.schema import Config
from edge.errors import CameraError


def config(**camera: object) -> Config:
    declared = {"responsible": "us", "legal_basis": "test"}
    return Config.model_validate({"camera": camera, "deployment": declared})


def test_auto_without_a_camera_shows_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cameras.factory.real_cameras", list)
    assert resolve_source(Config())[0] == "sample"
    somebody = Config.model_validate({"deployment": {"responsible": "J. Doe", "legal_basis": "consent"}})
    with pytest.raises(CameraError, match="auto found no camera"):  # whose room would the made-up class be?
        resolve_source(somebody)


def test_made_up_people_are_not_counted_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cameras.factory.real_cameras", list)
    elsewhere = {"broker": "mqtt://127.0.0.1:1883"}
    with pytest.raises(CameraError, match=r"auto found no camera: .* or set camera\.source: sample"):
        resolve_source(Config.model_validate({"mode": "headcount", "mqtt": elsewhere}))
    assert resolve_source(Config.model_validate({"mode": "headcount"}))[0] == "sample"  # only this machine reads it
    asked = Config.model_validate({"mode": "headcount", "mqtt": elsewhere, "camera": {"source": "sample"}})
    assert resolve_source(asked) == ("sample", "")
    for mode in ("facing", "emotions"):  # nobody answers for a camera yet: a set-up that is tried
        assert resolve_source(Config.model_validate({"mode": mode, "mqtt": elsewhere}))[0] == "sample"


def test_auto_asks_for_a_deployment_before_it_opens_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cameras.factory.real_cameras", lambda: [FoundCamera("/dev/video7", "", "usb")])
    source, sentence = resolve_source(Config())
    assert source == "sample"
    assert "/dev/video7 was found" in sentence
    assert "deployment.responsible" in sentence
    assert resolve_source(config(source="auto"))[0] == "/dev/video7"
