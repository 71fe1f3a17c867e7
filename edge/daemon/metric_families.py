"""A snapshot of the daemon in Prometheus' terms. What is not known, or withheld, is absent and never zero. Pure."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from edge import __version__
from edge.contract.payloads import WindowPayload
from edge.contract.shares import window_shares
from edge.hardware.board import Readings

MODES = ("running", "throttled", "paused", "camera_lost")


@dataclass(frozen=True)
class Snapshot:
    """How the parts are doing at one moment.

    Attributes:
        room: Prefix and name of the device.
        mode: As `state` says it over MQTT.
        frames: Analysed since the start.
        camera_losses: Since the start.
        connected: Whether the broker has accepted us.
        connections: How often it has, since the start.
        waiting: Windows that the broker does not have yet.
        oldest: Seconds for which the oldest of them has waited; None: none waits.
        board: What the board says.
        rss_mb: Resident memory, 2^20 bytes; None: not known.
        alerts: Names of the alerts in force.
        waits_for_clock: Whether the schedule keeps the camera closed for a clock that is not set.
    """

    room: tuple[str, str]
    mode: str
    frames: int
    camera_losses: int
    connected: bool
    connections: int
    waiting: int
    oldest: float | None
    board: Readings
    rss_mb: float | None
    alerts: tuple[str, ...]
    waits_for_clock: bool


def families(now: Snapshot, window: WindowPayload | None) -> Iterator[Metric]:
    """All of it.

    Args:
        now: The snapshot.
        window: The newest one, as it was published; None: there is none, or it is old.
    """
    yield InfoMetricFamily("edge_build", "Versions.", {"version": __version__, "python": platform.python_version()})
    prefix, name = now.room
    yield InfoMetricFamily("edge_device", "Which room this is.", {"prefix": prefix, "name": name})
    modes = {mode: float(mode == now.mode) for mode in MODES}
    yield _labelled("edge_mode", "What the daemon does: 1 for the mode it is in.", "mode", modes)
    yield GaugeMetricFamily(
        "edge_waits_for_clock",
        "Whether the schedule keeps the camera closed for a clock that is not set.",
        now.waits_for_clock,
    )
    yield CounterMetricFamily("edge_frames_analysed", "Frames analysed.", now.frames)
    yield CounterMetricFamily("edge_camera_losses", "How often the camera was lost.", now.camera_losses)
    yield GaugeMetricFamily("edge_mqtt_connected", "Whether the broker has accepted us.", now.connected)
    yield CounterMetricFamily("edge_mqtt_connections", "How often a broker has accepted us.", now.connections)
    yield GaugeMetricFamily("edge_outbox_windows", "Windows that the broker does not have yet.", now.waiting)
    yield GaugeMetricFamily(
        "edge_outbox_oldest_age_seconds", "For how long the oldest of them has waited; 0: none waits.", now.oldest or 0
    )
    yield from _board(now.board)
    # Not its processor time: that tells how many faces there are where their number is withheld.
    if now.rss_mb is not None:
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of the daemon.", now.rss_mb * 2**20)
    yield _labelled("edge_alert", "Alerts in force.", "alert", dict.fromkeys(now.alerts, 1.0))
    if window is not None:
        yield from _people(window)


def _board(board: Readings) -> Iterator[Metric]:
    figures = {
        ("edge_temperature_celsius", "Of the processor."): board.temperature_c,
        ("edge_under_voltage", "Whether the power supply is too weak now."): board.under_voltage,
        ("edge_processor_slowed", "Whether the board slows its processor down now."): board.slowed,
        ("edge_disk_free_bytes", "Free on the disk of the outbox."): None
        if board.disk_free_mb is None
        else board.disk_free_mb * 1e6,
    }
    for (name, text), figure in figures.items():
        if figure is not None:
            yield GaugeMetricFamily(name, text, figure)


def _people(window: WindowPayload) -> Iterator[Metric]:
    """Means per analysed frame of the newest window, as it went over MQTT."""
    frames = window.frames
    if window.faces.mean is not None:
        yield GaugeMetricFamily("edge_faces", "Faces in the average frame of the newest window.", window.faces.mean)
    if window.facing is not None and frames:
        turned = {name: n / frames for name, n in window.facing.model_dump().items()}
        yield _labelled("edge_faces_facing", "The same by the direction of the head.", "facing", turned)
    if (shares := window_shares(window)) is not None:
        family = GaugeMetricFamily(
            "edge_expression_ratio",
            "Share of an expression, 0 to 1, estimated or counted.",
            labels=["expression", "basis"],
        )
        for label, each in shares.by_label.items():
            family.add_metric([label, shares.basis], each.share)
        yield family


def _labelled(name: str, text: str, label: str, figures: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, figure in figures.items():
        family.add_metric([value], figure)
    return family
