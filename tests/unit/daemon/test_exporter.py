"""What Prometheus reads: what is withheld is absent, and nobody who reaches the port costs much."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.config.schema import Config, MetricsConfig
from edge.contract.examples import WINDOW
from edge.contract.payloads import WindowPayload, Withheld
from edge.contract.validation import WITHHELD_FIELDS
from edge.daemon import metrics_server
from edge.daemon.exporter import OLD, Exporter
from edge.daemon.metric_families import Snapshot
from edge.daemon.metrics import Meter
from edge.daemon.metrics_check import check_metrics, room_at
from edge.daemon.metrics_server import MAX_HEAD, _Head
from edge.errors import EdgeError
from edge.hardware.board import Readings
from tests.support.brokers import can_connect, free_port, wait_for

ROOM = ("classroom", "room-1")
SNAPSHOT = Snapshot(
    room=ROOM,
    mode="running", frames=120, camera_losses=1, connected=True, connections=3, waiting=7, oldest=65.0,
    board=Readings(temperature_c=61.5, under_voltage=False), rss_mb=150.0, alerts=("camera", "disk"),
    waits_for_clock=True,
)  # fmt: skip
Figures = dict[tuple[str, str], float]
Start = Callable[[], "tuple[Exporter, int]"]


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def start(clock: Time) -> Iterator[Start]:
    started: list[Exporter] = []

    def begin() -> tuple[Exporter, int]:
        port = free_port()
        exporter = Exporter(MetricsConfig(port=port), clock)
        exporter.start()
        started.append(exporter)
        wait_for(lambda: can_connect(port), 20)
        exporter.update(lambda: SNAPSHOT)
        return exporter, port

    yield begin
    for exporter in started:
        exporter.stop()


def ask(port: int, path: str = "/metrics") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def figures(port: int) -> Figures:
    """By name and the values of the labels, in reverse order."""
    status, text = ask(port)
    assert status == 200
    return {
        (sample.name, " ".join(sorted(sample.labels.values(), reverse=True))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def withheld(what: str) -> WindowPayload:
    changes = {**WITHHELD_FIELDS[what], "withheld": Withheld.model_validate({"what": what, "reason": "few_people"})}
    return WINDOW.model_copy(update=changes)


def test_what_is_known_is_told_and_what_is_not_is_absent(start: Start) -> None:
    exporter, port = start()
    exporter.observe_window(WINDOW)
    found = figures(port)
    assert found["edge_faces", ""] == WINDOW.faces.mean
    assert found["edge_faces_facing", "front"] == pytest.approx(511 / 28)
    assert found["edge_expression_ratio", "happy estimate"] == 0.23
    assert found["edge_mode", "running"] == 1
    assert found["edge_mode", "paused"] == 0
    assert found["edge_alert", "disk"] == 1
    assert found["edge_waits_for_clock", ""] == 1
    assert found["edge_outbox_windows", ""] == 7
    assert found["edge_outbox_oldest_age_seconds", ""] == 65
    assert found["edge_frames_analysed_total", ""] == 120
    assert found["edge_temperature_celsius", ""] == 61.5
    assert found["edge_windows_total", "nothing"] == 1
    assert not {"edge_processor_slowed", "edge_disk_free_bytes"} & {name for name, _ in found}
    assert not [name for name, _ in found if "cpu" in name]  # it grows with the number of faces


@pytest.mark.parametrize(
    ("what", "left"),
    [("emotions", {"edge_faces", "edge_faces_facing"}), ("facing", {"edge_faces"}), ("figures", set())],
)
def test_what_is_withheld_over_mqtt_is_absent_here(what: str, left: set[str], start: Start) -> None:
    exporter, port = start()
    exporter.observe_window(WINDOW)
    exporter.observe_window(withheld(what))
    found = figures(port)
    assert {name for name, _ in found if name.startswith(("edge_faces", "edge_expression"))} == left
    assert found["edge_windows_total", what] == 1


def test_stage_times_of_a_withheld_window_are_not_told(start: Start) -> None:
    exporter, port = start()
    meter = Meter(0.0, exporter.observe_stage)
    for seconds, faces in ((0.003, 12.0), (0.4, None), (0.003, 12.0)):
        meter.record_stage("detect", seconds)
        meter.record_stage("classify", seconds)
        meter.close_window(faces)
    found = figures(port)
    assert found["edge_stage_duration_seconds_count", "detect"] == 2
    assert found["edge_stage_duration_seconds_count", "classify"] == 2
    assert found["edge_stage_duration_seconds_sum", "classify"] == pytest.approx(0.006)


def test_an_old_window_says_nothing_about_now(start: Start, clock: Time) -> None:
    exporter, port = start()
    exporter.observe_window(WINDOW)
    clock.now += OLD * WINDOW.window.seconds + 1
    assert ("edge_faces", "") not in figures(port)


def test_nothing_listens_without_a_port_and_a_change_is_obeyed(start: Start, clock: Time) -> None:
    exporter = Exporter(MetricsConfig(), clock)
    exporter.start()
    port, other = free_port(), free_port()
    exporter.change(MetricsConfig(port=port))
    wait_for(lambda: can_connect(port), 20)
    exporter.observe_window(WINDOW)
    exporter.change(MetricsConfig(port=other))
    wait_for(lambda: can_connect(other), 20)
    assert not can_connect(port)
    exporter.observe_window(WINDOW)
    assert figures(other)["edge_windows_total", "nothing"] == 2  # for Prometheus it is the same daemon
    exporter.change(MetricsConfig())
    with pytest.raises(ConnectionRefusedError):
        ask(other)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_port_that_another_program_has_is_taken_when_it_is_free(
    clock: Time, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metrics_server, "TRY_AGAIN", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        exporter = Exporter(MetricsConfig(port=port), clock)
        exporter.start()
        exporter.observe_window(WINDOW)
        wait_for(lambda: bool(warnings_of(caplog)), 20)
        time.sleep(0.3)  # for more tries, which say nothing
    wait_for(lambda: can_connect(port), 20)
    exporter.update(lambda: SNAPSHOT)
    assert figures(port)["edge_windows_total", "nothing"] == 1
    exporter.stop()
    assert not can_connect(port)
    (said,) = warnings_of(caplog)
    assert f"cannot listen on 127.0.0.1 port {port} (Address already in use): set metrics.port" in said


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "..", "no-such-host.invalid"])
def test_an_address_that_is_not_there_holds_up_neither_start_nor_end(
    host: str, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = Exporter(MetricsConfig(host=host, port=free_port()), clock)
    exporter.start()
    wait_for(lambda: bool(warnings_of(caplog)), 60)
    exporter.stop()
    (said,) = warnings_of(caplog)
    assert f"cannot listen on {host} port" in said
    assert "metrics.host is an address of this machine; trying again every 30 s" in said


def test_what_is_checked_is_what_the_daemon_will_find(start: Start) -> None:
    free = free_port()
    assert check(port=free) == f"127.0.0.1 port {free}"
    _, port = start()
    assert "where the daemon of this room answers now" in check(port=port)
    with pytest.raises(EdgeError, match="cannot listen on 192.0.2.1 .*metrics.host is an address of this machine"):
        check(port=free, host="192.0.2.1")
    with pytest.raises(EdgeError, match=r"cannot listen on \.\. port"):
        check(port=free, host="..")


def check(name: str = "room-1", **metrics: Any) -> str:
    device = {"name": name, "prefix": ROOM[0]}
    return check_metrics(Config.model_validate({"device": device, "metrics": metrics}))


def test_a_port_of_another_room_is_told_at_a_check(start: Start) -> None:
    """Both files say the same port: Prometheus would read the one under the name of the other."""
    _, port = start()
    said = r"in use.*the daemon of classroom/room-1 answers there.*metrics\.port.*reload"
    with pytest.raises(EdgeError, match=said):
        check("room-2", port=port)


@pytest.mark.parametrize("room", [("a\\b", 'c"d'), ("classroom", "Größe 1")])
def test_any_name_is_found_again(start: Start, room: tuple[str, str]) -> None:
    exporter, port = start()
    exporter._snapshot = replace(SNAPSHOT, room=room)
    assert room_at("127.0.0.1", port) == room


def test_a_daemon_that_begins_is_waited_for(clock: Time) -> None:
    port = free_port()
    exporter = Exporter(MetricsConfig(port=port), clock)
    exporter.start()
    wait_for(lambda: can_connect(port), 20)
    begun = threading.Timer(1.0, exporter.update, (lambda: SNAPSHOT,))
    begun.start()
    assert "where the daemon of this room answers now" in check(port=port)
    exporter.stop()


def test_a_daemon_of_a_former_version_is_no_error_at_a_check(clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade, until it is restarted: it does not say of which room it is."""
    monkeypatch.setattr("edge.daemon.metrics_check.ANSWER_SECONDS", 0.5)
    port = free_port()
    exporter = Exporter(MetricsConfig(port=port), clock)
    exporter.start()
    wait_for(lambda: can_connect(port), 20)
    assert "a daemon answers that does not say of which room it is: check again once it was restarted" in check(
        port=port
    )
    exporter.stop()


def test_there_is_one_address(start: Start) -> None:
    _, port = start()
    assert ask(port, "/")[0] == ask(port, "/metrics/../x")[0] == 404
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics", headers={"Host": "elsewhere.example"})
    assert connection.getresponse().status == 421


def test_of_a_long_head_only_the_beginning_is_read(start: Start) -> None:
    _, port = start()
    for lines, status in ((1, 200), (8, 431), (90, 431)):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest("GET", "/metrics")
        for number in range(lines):
            connection.putheader(f"X-{number}", "x" * 2000)
        connection.endheaders()
        assert connection.getresponse().status == status
    head = _Head(io.BytesIO(b"a" * 60_000))
    assert len(head.readline(65_537)) == MAX_HEAD
    assert (head.readline(), head.exhausted) == (b"", True)


def test_held_connections_keep_nobody_out(start: Start) -> None:
    _, port = start()
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for _ in range(5):
        assert ask(port)[0] == 200
        held += [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
    held[0].settimeout(5)
    assert not held[0].recv(1), "the oldest made room"
    for each in held:
        each.close()


def test_held_connections_are_few_and_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "SECONDS", 1.0)
    _, port = start()
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    began = time.monotonic()
    for each in held:  # a byte now and then does not prolong it
        each.settimeout(10)
    while time.monotonic() - began < 1.5:
        for each in held:
            with contextlib.suppress(OSError):
                each.send(b"G")
        time.sleep(0.2)
    assert ask(port)[0] == 200
    for each in held:
        each.close()


ROOT = Path(__file__).parents[3]


def test_the_lines_that_keep_no_figures_drop_the_time_of_every_stage_but_detection() -> None:
    """Whatever goes on longer with more faces tells how many there are."""
    names = set(re.findall(r'_on_stage\("(\w+)"', (ROOT / "edge/vision/frame_analyzer.py").read_text()))
    assert names > {"detect", "track"}
    page = (ROOT / "docs/prometheus.md").read_text()
    (dropped,) = re.findall(r'\[__name__, stage\], regex: "(.*?)", action: drop', page)
    kept = {name for name in names if not re.fullmatch(dropped, f"edge_stage_duration_seconds_bucket;{name}")}
    assert kept == {"detect"}
    for name in names:
        assert f"`{name}`" in page
