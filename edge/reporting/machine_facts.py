"""What is known of a machine, as rows: frames, temperature, power, unsent windows, clock, disk, versions. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from edge.reporting.machine import Machine, name_of
from edge.reporting.power import power
from edge.text import Sentence

Level = Literal["bad", "warn", "good"]
LEVELS: tuple[Level, ...] = ("bad", "warn", "good")  # worst first

HOT = 80.0  # degrees Celsius, at which a Raspberry Pi begins to slow down
LITTLE_DISK = 500.0  # 10^6 bytes
WAITING = 1.0  # minutes of windows that may wait
DEFAULT_WINDOW = 10.0  # seconds, where the device has not said


class Fact(NamedTuple):
    """A row about a machine; None as text where it does not say."""

    key: str
    title: Sentence
    text: Sentence | str | None
    level: Level = "good"


def facts_of(machine: Machine) -> list[Fact]:
    """All facts, also those that are not known."""
    health, info = machine.health, machine.info
    synced = machine.window.quality.clock_synced if machine.window else None
    seconds = info.window_seconds if info else DEFAULT_WINDOW
    return [
        Fact(
            "frames",
            Sentence("Frames"),
            Sentence("{fps} per second", {"fps": round(health.fps, 1)}) if health else None,
        ),
        _temperature(None if health is None else health.temperature_c),
        Fact("power", Sentence("Power"), *(power(health.throttled_bits, health.under_voltage) if health else (None,))),
        _unsent(None if health is None else health.outbox_depth, seconds),
        Fact(
            "clock",
            Sentence("Clock"),
            None if synced is None else Sentence("set") if synced else Sentence("not set"),
            "warn" if synced is False else "good",
        ),
        _disk(None if health is None else health.disk_free_mb),
        Fact("version", Sentence("Version"), name_of(info.version) if info else None),
        Fact("models", Sentence("Models"), models_of(machine) or None),
        Fact("camera", Sentence("Camera"), name_of(info.camera) if info else None),
    ]


def _temperature(degrees: float | None) -> Fact:
    text = None if degrees is None else Sentence("{degrees} °C", {"degrees": round(degrees, 1)})
    return Fact("temperature", Sentence("Temperature"), text, "warn" if (degrees or 0) >= HOT else "good")


def _unsent(depth: int | None, seconds: float) -> Fact:
    title = Sentence("Unsent windows")
    if depth is None:
        return Fact("unsent", title, None)
    if not depth:
        return Fact("unsent", title, Sentence("none"))
    minutes = depth * seconds / 60
    text = Sentence("{n} windows wait, {minutes} min of figures", {"n": depth, "minutes": round(minutes, 1)})
    return Fact("unsent", title, text, "warn" if minutes > WAITING else "good")


def _disk(free: float | None) -> Fact:
    text = None if free is None else Sentence("{gigabytes} GB free", {"gigabytes": round(free / 1000, 1)})
    return Fact("disk", Sentence("Disk"), text, "warn" if free is not None and free < LITTLE_DISK else "good")


def models_of(machine: Machine) -> str:
    """The models in use, each with the beginning of its sha256; empty where the device has not said."""
    if machine.info is None:
        return ""
    models = machine.info.models
    return ", ".join(
        f"{name_of(model.name)}@{name_of(model.sha256)[:8]}"
        for model in (models.faces, models.emotions, models.pose)
        if model is not None
    )
