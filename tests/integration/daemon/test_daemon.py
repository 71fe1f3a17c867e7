"""The daemon as a process, on real models, with a real Mosquitto: what a subscriber sees, and how it ends."""

from __future__ import annotations

import fcntl
import itertools
import json
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import pytest

from edge.cli.schema import MODELS, schema, text
from edge.daemon.metrics import Meter
from tests.support.brokers import Broker, Subscriber, free_port, wait_for
from tests.support.paths import ROOT

CLIP = ROOT.parent / "shared/data/clips/classroom.gif"

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]


def run_sample(edge: Edge, port: int, *more: str) -> subprocess.Popen[str]:
    settings = (
        f"mqtt.broker=mqtt://127.0.0.1:{port}",
        "camera.source=sample:25",
        "window.seconds=2",
        "health.seconds=2",
    )
    return edge("run", *(word for setting in (*settings, *more) for word in ("--set", setting)))


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[float, str, str]:
    """Seconds until it ended, stdout, stderr."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    return time.monotonic() - began, out, err


def validate(name: str, value: Any) -> None:
    jsonschema.validate(value, json.loads((ROOT / f"docs/schemas/{name}.json").read_text()))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_schemas_in_docs_are_those_of_the_code(name: str) -> None:
    assert (ROOT / f"docs/schemas/{name}.json").read_text() == text(schema(name)), (
        "run: edge schema --output docs/schemas"
    )


def test_every_topic_of_the_contract_is_there_and_valid(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "deployment.responsible=Jane")
    windows = subscriber.wait("window", 3)
    subscriber.wait("health")
    assert {message.name for message in subscriber.messages} == {
        "availability", "info", "state", "window", "latest", "health",
    }  # fmt: skip
    for message in subscriber.messages:
        assert message.topic == f"classroom/room-1/{message.name}"
        if message.name == "availability":
            assert message.payload == b"online"
        else:
            validate("window" if message.name == "latest" else message.name, message.json())
    qos = {message.name: message.qos for message in subscriber.messages}
    assert qos == {"availability": 1, "info": 1, "state": 1, "window": 1, "latest": 1, "health": 0}
    for message in windows:
        window = message.json()
        assert sum(window["counts"].values()) == window["faces"]["total"]
        unclassified = window["unclassified"]
        assert sum(unclassified.values()) == window["counts"]["unknown"]
        assert sum(window["facing"].values()) == window["faces"]["total"]
        assert (unclassified["away"], window["facing"], window["model"]["pose"]) == (None, None, None)
        assert (window["mode"], window["withheld"], window["estimate_absent"]) == ("emotions", None, None)
        assert window["people"] == {
            k: pytest.approx(n / window["frames"], abs=0.006) for k, n in window["counts"].items()
        }
        assert abs(window["faces"]["mean"] - 25) <= 2
        assert window["quality"]["coverage"] > 0.9
        assert 8 <= window["frames"] <= 12
        assert len(message.payload) < 1500
    info = subscriber.named("info")[0].json()
    assert info["camera"] == "sample"
    assert info["deployment"]["responsible"] == "Jane"
    health = subscriber.wait("health", 2)[1].json()
    assert abs(health["faces_per_frame"] - 25) <= 2
    assert set(health["stages_ms"]) == {"detect", "track", "classify"}
    assert end(process)[2].count("Traceback") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_publishes_the_last_window_and_offline(
    broker: int, edge: Edge, subscribe: Subscribe, number: int
) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "window.seconds=60")
    wait_for(lambda: bool(subscriber.named("health")), 20)
    seconds, out, err = end(process, number)
    assert process.returncode == 0, err
    assert seconds < 3
    wait_for(lambda: len(subscriber.named("availability")) == 2, 2)
    assert [message.name for message in subscriber.messages[-1:]] == ["availability"]
    assert subscriber.named("availability")[-1].payload == b"offline"
    window = subscriber.named("window")[0].json()
    assert 1 < window["window"]["seconds"] < 60
    assert out.count("#1 ") == 1
    late = subscribe(broker, "classroom/+/availability").wait("availability")[0]
    assert (late.payload, late.retain) == (b"offline", True)


def test_windows_follow_one_another_over_restarts(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    for count in (2, 4):
        process = run_sample(edge, broker, "window.seconds=1")
        subscriber.wait("window", count)
        end(process)
    windows = [message.json() for message in subscriber.named("window")]
    assert [window["seq"] for window in windows] == list(range(1, len(windows) + 1))
    assert len({window["epoch"] for window in windows}) == 1
    for before, after in itertools.pairwise(windows):
        ended, began = (
            datetime.fromisoformat(w.replace("Z", "+00:00"))
            for w in (before["window"]["end"], after["window"]["start"])
        )
        assert began >= ended - timedelta(milliseconds=50)


def test_without_configuration_it_does_the_main_job(edge: Edge) -> None:
    process = edge("run", "--set", "window.seconds=1", "--set", f"mqtt.embedded_port={free_port()}")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "#2 " in line:
            break
    _, _, err = end(process)
    assert "the sample scene is shown" in lines[0]
    assert "mosquitto_sub -h 127.0.0.1" in "".join(lines)
    assert process.returncode == 0, err


def test_figures_of_few_people_are_withheld_everywhere(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "camera.source=sample:3")
    subscriber.wait("window", 2)
    subscriber.wait("health", 2)
    _, out, _ = end(process)
    for message in subscriber.named("window") + subscriber.named("latest"):
        window = message.json()
        validate("window", window)
        # The last one may have been cut short.
        assert window["withheld"] in ({"what": "figures", "reason": reason} for reason in ("few_people", "short"))
        assert window["counts"] is window["people"] is window["estimate"] is window["unclassified"] is None
        assert set(window["faces"].values()) == {None}
    for message in subscriber.named("health"):
        assert message.json()["faces_per_frame"] is None
        assert "classify" not in message.json()["stages_ms"]
    assert "withheld: too few people for figures" in out
    assert "happy" not in out


def test_emotions_of_faces_that_are_all_too_small_are_null_and_never_zero(
    broker: int, edge: Edge, subscribe: Subscribe
) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "vision.min_face_px=400")
    window = subscriber.wait("window", 2)[1].json()
    _, out, _ = end(process)
    validate("window", window)
    assert window["withheld"] == {"what": "facing", "reason": "few_near"}
    assert window["facing"] is None
    assert window["counts"] is window["people"] is window["estimate"] is window["unclassified"] is None
    assert abs(window["faces"]["mean"] - 25) <= 2
    assert "emotions withheld: too few people near enough" in out
    assert "happy" not in out


def test_health_tells_nothing_of_a_suppressed_window() -> None:
    meter = Meter(0.0)
    for suppressed in (False, True, False, True):
        for _ in range(5):
            meter.count_frame()
            for stage in ("detect", "track", "classify"):
                meter.record_stage(stage, 9.0 if suppressed else 0.1)
        meter.close_window(None if suppressed else 12.0)
    meter.record_stage("classify", 9.0)
    fps, stages, faces = meter.read(4.0)
    assert fps == 5
    assert stages["classify"] == stages["track"] == pytest.approx(100)
    assert faces is None
    meter.close_window(12.0)
    assert meter.read(5.0)[1:] == ({"classify": 9000}, 12.0)


def test_the_four_people_of_the_clip_are_counted(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    if not CLIP.exists():
        pytest.skip("the clip of ../shared is not there")
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, f"camera.source=file:{CLIP}", "privacy.min_faces=1")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    windows = [message.json() for message in subscriber.named("window")]
    frames = sum(window["frames"] for window in windows)
    assert 3 <= sum(window["faces"]["total"] for window in windows) / frames <= 5


def test_the_end_of_a_file_ends_the_daemon_with_its_last_window(
    broker: int, edge: Edge, subscribe: Subscribe, tmp_path: Path
) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "c.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for _ in range(25):
        writer.write(cv2.UMat(240, 320, cv2.CV_8UC3).get())
    writer.release()
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, f"camera.source=file:{tmp_path}/c.avi", "window.seconds=60")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert len(subscriber.wait("window")) == 1
    assert subscriber.named("availability")[-1].payload == b"offline"


# What goes wrong


@pytest.mark.parametrize(
    ("settings", "code", "expected"),
    [
        (["camera.source=file:none.mp4"], 66, "video none.mp4 does not exist: check camera.source"),
        (["camera.source=usb:63"], 78, "deployment.responsible"),
        (["vision.emotions_output=mood"], 78, "it has ferplus, fer2013"),
        (["vision.emotions_model=none.json"], 78, "does not exist"),
        (["window.seconds=0"], 78, "--set window.seconds: window.seconds: found 0; allowed: a number from 1 to 3600"),
        (["outbox.path=/proc/none/o"], 78, "outbox"),
        (["mqtt.password_file=/none", "mqtt.username=u"], 78, "mqtt.password_file cannot be read (No such file"),
    ],
)
def test_a_mistake_is_one_clear_line_and_an_exit_code(
    broker: int, edge: Edge, settings: list[str], code: int, expected: str
) -> None:
    process = run_sample(edge, broker, *settings)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert expected in err
    assert "Traceback" not in err


def test_a_refused_password_ends_with_77(start_broker: Callable[..., Broker], edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    port = start_broker("allow_anonymous false", f"password_file {tmp_path}/nobody").port
    (tmp_path / "pw").write_text("hush-hush")
    process = run_sample(edge, port, "mqtt.username=edge", f"mqtt.password_file={tmp_path}/pw")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 77
    assert "refuses user 'edge'" in err
    assert "check mqtt.username" in err
    assert "hush" not in out + err


@pytest.mark.parametrize("delay", [0.2, 0.5, 1.0])
def test_a_signal_at_any_moment_of_the_start_is_heard(edge: Edge, broker: int, delay: float) -> None:
    process = run_sample(edge, broker)
    time.sleep(delay)
    seconds, _, err = end(process, signal.SIGINT)
    assert process.returncode in (0, 130)
    assert seconds < 3
    assert "Traceback" not in err


def test_output_that_nobody_takes_does_not_end_it(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "window.seconds=1")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    subscriber.wait("window", 3)
    assert end(process)[2].count("Traceback") == 0
    assert process.returncode == 0


def test_a_held_terminal_does_not_hold_up_the_daemon(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "window.seconds=1")
    assert process.stdout is not None
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # a terminal that was held with Ctrl-S takes little more
    subscriber.wait("window", 2)
    for _ in range(2):
        count = len(subscriber.named("window"))
        subscriber.wait("window", count + 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0


def test_health_is_retained_and_expires(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    run_sample(edge, broker)
    subscriber.wait("health")
    late = subscribe(broker, "classroom/+/health").wait("health")[0]
    assert late.retain
    assert 3 <= (late.expiry or 0) <= 6


def test_a_broker_that_is_away_is_waited_for(
    start_broker: Callable[..., Broker], edge: Edge, subscribe: Subscribe
) -> None:
    port = free_port()
    process = run_sample(edge, port, "window.seconds=1")
    time.sleep(4)
    assert process.poll() is None
    start_broker(port=port)
    windows = subscribe(port).wait("window", 4)
    assert [message.json()["seq"] for message in windows[:4]] == [1, 2, 3, 4]
    assert windows[0].json()["replayed"]
    _, _, err = end(process)
    assert "nothing listens there" in err
