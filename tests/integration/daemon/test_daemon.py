"""The daemon as a process, on real models, with a real Mosquitto: what a subscriber sees, and how it ends."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jsonschema
import pytest

from edge.cli.schema import MODELS, schema, text
from edge.daemon.metrics import Meter
from tests.support.brokers import Broker, Subscriber, free_port, wait_for
from tests.support.daemon import Edge, end, run_sample
from tests.support.paths import ROOT

CLIP = ROOT.parent / "shared/data/clips/classroom.gif"
Subscribe = Callable[..., Subscriber]


def validate(name: str, value: Any) -> None:
    jsonschema.validate(value, json.loads((ROOT / f"docs/schemas/{name}.json").read_text()))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_schemas_in_docs_are_those_of_the_code(name: str) -> None:
    assert (ROOT / f"docs/schemas/{name}.json").read_text() == text(schema(name)), (
        "run: edge schema --output docs/schemas"
    )


def test_every_topic_of_the_contract_is_there_and_valid(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "deployment.responsible=Jane", "vision.fps=5")
    windows = subscriber.wait("window", 3)
    subscriber.wait("health")
    assert {message.name for message in subscriber.messages} == {
        "availability", "info", "state", "alerts", "window", "latest", "health",
    }  # fmt: skip
    for message in subscriber.messages:
        assert message.topic == f"classroom/room-1/{message.name}"
        if message.name == "availability":
            assert message.payload == b"online"
        else:
            validate("window" if message.name == "latest" else message.name, message.json())
    qos = {message.name: message.qos for message in subscriber.messages}
    assert qos == {"availability": 1, "info": 1, "state": 1, "alerts": 1, "window": 1, "latest": 1, "health": 0}
    for message in windows:
        window = message.json()
        assert sum(window["counts"].values()) == window["faces"]["total"]
        unclassified = window["unclassified"]
        assert sum(unclassified.values()) == window["counts"]["unknown"]
        assert sum(window["facing"].values()) == window["faces"]["total"]
        assert unclassified["away"] == window["facing"]["away"]
        assert window["model"]["pose"].startswith("front, ")
        assert (window["mode"], window["withheld"], window["estimate_absent"]) == ("emotions", None, None)
        assert window["people"] == {
            k: pytest.approx(n / window["frames"], abs=0.006) for k, n in window["counts"].items()
        }
        assert abs(window["faces"]["mean"] - 25) <= 2
        assert window["quality"]["coverage"] > 0.9
        assert 2 <= window["frames"] <= 12  # a busy machine may miss some
        assert len(message.payload) < 1500
    info = subscriber.named("info")[0].json()
    assert info["camera"] == "sample"
    assert info["deployment"]["responsible"] == "Jane"
    # What belongs to the faces of a window is told once the window has ended: wait for a message that has it.
    wait_for(lambda: any(message.json()["faces_per_frame"] for message in subscriber.named("health")), 20)
    health = [message.json() for message in subscriber.named("health")]
    assert abs(next(h["faces_per_frame"] for h in health if h["faces_per_frame"]) - 25) <= 2
    stages = set().union(*(h["stages_ms"] for h in health))
    assert stages - {"follow"} == {"detect", "track", "classify"}  # faces are followed where detection is late
    assert end(process)[2].count("Traceback") == 0


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
    assert "the sample room is shown" in lines[0]
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
        assert message.json()["stages_ms"] == {}
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
    assert stages["classify"] == stages["track"] == stages["detect"] == pytest.approx(100)
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
    # The last may be cut short by the end of the clip; such a window is withheld.
    windows = [window for window in windows if window["faces"]["total"] is not None]
    frames = sum(window["frames"] for window in windows)
    assert 3 <= sum(window["faces"]["total"] for window in windows) / frames <= 5


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
    assert process.stdout is not None
    assert next(line for line in process.stdout if "#2 " in line)  # it goes on without a broker
    start_broker(port=port)
    windows = subscribe(port).wait("window", 4)
    assert [message.json()["seq"] for message in windows[:4]] == [1, 2, 3, 4]
    assert windows[0].json()["replayed"]
    _, _, err = end(process)
    assert "nothing listens there" in err
