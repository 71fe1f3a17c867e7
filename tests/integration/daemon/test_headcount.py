"""`mode: headcount`: faces are counted, and nothing of the emotion model is ever opened."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from paho.mqtt import publish as paho
from rich.console import Console

from edge.cameras import factory
from edge.cameras.capture_thread import Frame
from edge.cameras.found import FoundCamera, real_cameras
from edge.cli import summary
from edge.cli.board import render
from edge.cli.inbox import Inbox
from edge.config.loader import load_config
from edge.config.schema import Config
from edge.errors import EXIT_INPUT, ConfigError
from edge.mqtt.home_assistant_entities import discovery
from edge.vision.face_detector import Detections
from edge.vision.frame_analyzer import AnalysisRules, FrameAnalyzer
from edge.vision.model_set import ModelChoice, ModelSet
from edge.vision.rate_controller import Plan
from tests.support.brokers import Subscriber, wait_for
from tests.support.paths import ROOT
from tests.support.publishing import INFO, TOPICS
from tests.support.watching import VIEW

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]

# Tells every file that Python opens, and how often a TFLite interpreter is made.
WATCHED = """
import sys
note = open(sys.argv.pop(1), "w", buffering=1)
sys.addaudithook(lambda event, args: event == "open" and print("OPENED", args[0], file=note))
from edge.vision import tflite
make = tflite._interpreter_class()
class Interpreter(make):
    def __init__(self, *args, **options):
        print("INTERPRETER", file=note)
        super().__init__(*args, **options)
Interpreter.__module__ = make.__module__
tflite._interpreter_class = lambda: Interpreter
from edge.__main__ import main
sys.exit(main())
"""


def options(port: int, *more: str) -> list[str]:
    settings = (
        f"mqtt.broker=mqtt://127.0.0.1:{port}", "camera.source=sample:25", "window.seconds=1", "health.seconds=1",
        "mode=headcount", "vision.fps=2", *more,
    )  # fmt: skip
    return [word for setting in settings for word in ("--set", setting)]


def valid(name: str, value: Any) -> Any:
    jsonschema.validate(value, json.loads((ROOT / f"docs/schemas/{name}.json").read_text()))
    return value


def test_the_emotion_model_is_never_opened(broker: int, subscribe: Subscribe, tmp_path: Path) -> None:
    counted = {}
    for mode in ("headcount", "facing", "emotions"):
        subscriber, notes = subscribe(broker), tmp_path / f"{mode}.txt"
        command = [
            sys.executable,
            "-c",
            WATCHED,
            str(notes),
            "run",
            *options(broker, f"mode={mode}", f"outbox.path={tmp_path}/{mode}"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            subscriber.wait("window", 2, seconds=60)
            window = valid("window", subscriber.named("window")[-1].json())
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        text = notes.read_text()
        opened = [line for line in text.splitlines() if line.startswith("OPENED") and "/models/" in line]
        counted[mode] = (text.count("INTERPRETER\n"), any("emotions" in line for line in opened))
        assert any("faces-" in line for line in opened)
        assert any("head-pose" in line for line in opened) == (mode != "headcount")
        assert window["mode"] == mode
        assert (window["facing"] is None) == (mode == "headcount")
        assert (window["counts"] is None) == (mode != "emotions")
    assert counted == {"headcount": (1, False), "facing": (1, False), "emotions": (2, True)}


def test_what_a_subscriber_sees(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker, "#")
    process = edge("run", *options(broker, "vision.emotions_model=/nowhere.json"))
    subscriber.wait("window", 2)
    subscriber.wait("health", 2)
    lines, _ = edge("watch", "--once", "--broker", f"mqtt://127.0.0.1:{broker}").communicate(timeout=20)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    for message in subscriber.named("window")[:2] + subscriber.named("latest")[:2]:
        window = valid("window", message.json())
        assert abs(window["faces"]["mean"] - 25) <= 2
        assert window["counts"] is window["people"] is window["estimate"] is window["unclassified"] is None
        assert (window["withheld"], window["mode"], window["model"]["emotions"]) == (None, "headcount", None)
    info = valid("info", subscriber.named("info")[0].json())
    assert (info["mode"], info["labels"], info["models"]["emotions"]) == ("headcount", [], None)
    assert "mode: headcount" in info["estimate"]
    # What belongs to the faces of a window is told once the window has ended, so one message may lack it.
    stages = [set(valid("health", message.json())["stages_ms"]) for message in subscriber.named("health")]
    # On a busy machine some frames are followed and not searched.
    assert set().union(*stages) - {"follow"} == {"detect", "track"}
    everything = b"".join(message.payload for message in subscriber.messages if message.name != "config")
    for label in [*INFO.labels, "neutral", "sad", "unknown"]:
        assert label.encode() not in everything
        assert label not in out + lines
    assert "25.0 faces" in out or "24." in out
    assert "faces (" in lines


def test_what_is_not_measured_is_not_withheld(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    for more, line in (
        (("vision.min_face_px=400",), " faces"),  # too small for emotions, which nobody asks for
        (("mode=facing",), " to the front"),
    ):
        subscriber = subscribe(broker)
        process = edge("run", *options(broker, *more))
        window = subscriber.wait("window", 2)[1].json()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
        assert window["withheld"] is None, err
        assert line in out
        assert "emotions" not in out


def test_figures_of_few_people_are_withheld_here_too(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    edge("run", *options(broker, "camera.source=sample:3"))
    window = subscriber.wait("window", 2)[1].json()
    assert window["withheld"] == {"what": "figures", "reason": "few_people"}
    assert set(window["faces"].values()) == {None}


def test_a_reload_changes_the_mode_there_and_back(
    broker: int, edge: Edge, subscribe: Subscribe, tmp_path: Path
) -> None:
    subscriber = subscribe(broker, "#")
    file = tmp_path / "config.yaml"

    def write(mode: str) -> None:
        file.write_text(
            json.dumps(
                {
                    "mode": mode, "camera": {"source": "sample:25"}, "window": {"seconds": 1},
                    "mqtt": {"broker": f"mqtt://127.0.0.1:{broker}"},
                }
            )
        )  # fmt: skip

    write("emotions")
    process = edge("run", "--config", str(file))
    wait_for(lambda: any(m.json()["counts"] for m in subscriber.named("window")), 30)
    for mode, named in (("headcount", False), ("emotions", True)):
        write(mode)
        paho.single("classroom/room-1/cmd/reload", '{"by": "Mrs Doe"}', 1, port=broker)
        wait_for(lambda mode=mode: subscriber.named("info")[-1].json()["mode"] == mode, 10)  # type: ignore[misc]
        seen = len(subscriber.named("window"))
        subscriber.wait("window", seen + 2)
        assert (subscriber.named("window")[-1].json()["counts"] is not None) == named
        entry = json.loads(subscriber.named("config")[-1].payload)
        assert ("value_template" in entry["components"]["emotion_happy"]) == named
    numbers = [message.json()["seq"] for message in subscriber.named("window")]
    assert numbers == list(range(1, len(numbers) + 1))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert '"changed": {"mode": ["emotions", "headcount"]}' in err


# Parts


class Seats:
    """A detector that always finds the same faces, the last one tiny."""

    def detect(self, image: object) -> Any:
        boxes = np.array([[0, 0, 60, 60], [100, 0, 60, 60], [200, 0, 5, 5]], np.float32)
        return Detections(boxes, np.ones(3, np.float32))


def test_faces_of_every_size_are_counted() -> None:
    analyzer = FrameAnalyzer(Seats(), None, AnalysisRules(24, 0.4), Plan(5, 5))
    observation = analyzer.analyze(Frame(np.zeros((9, 9, 3), np.uint8), 1.0))
    assert (observation.faces, observation.probabilities, observation.away) == (3, None, None)


def test_models_are_made_for_the_mode() -> None:
    config = Config(mode="headcount")
    models = ModelSet.load(ModelChoice.of(config))
    assert models.classifier is None
    assert models.labels == ()
    assert models.choice != ModelChoice.of(Config())


def test_a_live_camera_needs_no_deployment_then(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = ROOT / "config.yaml"
    assert load_config(shipped, ["camera.source=usb:0", "mode=headcount"]).camera.source == "usb:0"
    assert load_config(shipped, ["camera.source=usb:0"], {"EDGE_MODE": "headcount"}).mode == "headcount"
    with pytest.raises(ConfigError, match="or use camera.source: sample or mode: headcount"):
        load_config(shipped, ["camera.source=usb:0"])
    monkeypatch.setattr(factory, "real_cameras", lambda: [FoundCamera("usb:0", "", "usb")])
    assert factory.resolve_source(load_config(shipped))[0] == "sample"
    assert "mode: headcount" in factory.resolve_source(load_config(shipped))[1]
    assert factory.resolve_source(load_config(shipped, ["mode=headcount"]))[0] == "usb:0"


@pytest.mark.skipif(bool(real_cameras()), reason="this machine has a camera, which must not be opened")
def test_a_room_whose_camera_is_not_there_does_not_count_the_sample(edge: Edge, broker: int) -> None:
    process = edge("run", *options(broker, "camera.source=auto"))
    _, err = process.communicate(timeout=120)
    assert process.returncode == EXIT_INPUT, err  # which systemd tries again
    assert "camera.source: auto found no camera: plug it in, or set camera.source: sample" in err


def test_home_assistant_is_told_of_a_head_counter() -> None:
    payload = json.loads(discovery(INFO.model_copy(update={"labels": [], "mode": "headcount"}), TOPICS))
    assert payload["device"]["model"] == "Head counter"
    shown = {key for key, component in payload["components"].items() if len(component) > 1}
    assert not any(key.startswith(("emotion_", "share_")) for key in shown)
    assert "faces" in shown


def test_watch_believes_no_half_of_it() -> None:
    window = _window()
    inbox = Inbox("classroom")
    shown = inbox.receive("classroom/room-1/window", json.dumps(window).encode())
    assert shown is not None
    assert summary.bars(shown) == []
    assert summary.line("classroom", shown).endswith("25.0 faces (24-26)  [clock not set]")
    for wrong in ({"counts": {"happy": 3}}, {"people": {"happy": 3.0}}, {"faces": {**window["faces"], "total": None}}):
        assert inbox.receive("classroom/room-1/window", json.dumps({**window, "seq": 9, **wrong}).encode()) is None


def _window() -> dict[str, Any]:
    return {
        "schema": "edge.window/1", "device": "room-1", "epoch": "00000000", "seq": 1, "replayed": False,
        "window": {"start": "2026-10-04T08:15:00.000Z", "end": "2026-10-04T08:15:10.000Z", "seconds": 10.0},
        "frames": 50, "faces": {"total": 1250, "mean": 25.0, "min": 24, "max": 26}, "counts": None, "people": None,
        "estimate": None, "suppressed": False, "quality": {"coverage": 1.0, "too_small": None, "clock_synced": False},
        "model": {"faces": "f@000000000000", "emotions": None},
    }  # fmt: skip


@pytest.mark.parametrize("size", [(100, 30), (60, 8), (60, 4), (20, 3)])
def test_watch_draws_faces_only(size: tuple[int, int]) -> None:
    inbox = Inbox("classroom")
    inbox.receive("classroom/room-1/window", json.dumps(_window()).encode())
    console = Console(width=size[0], height=size[1], record=True, file=io.StringIO())
    now = datetime(2026, 10, 4, 8, 15, 12, tzinfo=timezone.utc)
    console.print(render(inbox.devices.values(), size, now, prefix="classroom", head="edge watch", view=VIEW))
    text = console.export_text()
    assert "%" not in text
    assert "25.0" in text or size[0] < 40
