"""Suppression as subscribers see it: three people leave no figure on any topic."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from edge.model_files.cards import EmotionCard, emotion_card_path, read_card
from tests.support.brokers import Subscriber, wait_for

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]

CARD = read_card(emotion_card_path("emotions.json"), EmotionCard)
LABELS = CARD.output("ferplus").labels


def test_three_people_leave_no_figure_anywhere(broker: int, edge: Edge, subscribe: Subscribe, tmp_path: Path) -> None:
    subscriber = subscribe(broker, "#")
    settings = (
        f"mqtt.broker=mqtt://127.0.0.1:{broker}", "camera.source=sample:3", "window.seconds=1", "health.seconds=1",
        "vision.fps=2",
    )  # fmt: skip
    options = [word for setting in settings for word in ("--set", setting)]
    process = edge("run", *options)
    subscriber.wait("window", 3)
    lines, _ = edge("watch", "--once", *options).communicate(timeout=20)
    assert "too few people" in lines
    wait_for(lambda: len(subscriber.named("health")) >= 3, 10)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    on_disk = b"".join(file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file())
    said = b"".join(m.payload for m in subscriber.messages if m.name not in ("info", "config"))
    for text in (said, on_disk, out.encode(), err.encode(), lines.encode()):
        for word in (*LABELS, "unknown"):
            assert word.encode() not in text
    for message in subscriber.named("window") + subscriber.named("latest"):
        window = message.json()
        assert {value for key, value in window["faces"].items()} == {None}
        assert window["counts"] is window["people"] is window["estimate"] is window["unclassified"] is None
        assert window["withheld"] in ({"what": "figures", "reason": reason} for reason in ("few_people", "short"))
    for message in subscriber.named("health"):
        assert message.json()["faces_per_frame"] is None
        assert message.json()["stages_ms"] == {}
    whole = [message for message in subscriber.named("window") if message.json()["withheld"]["reason"] == "few_people"]
    sizes = [len(message.payload) for message in whole]  # the last one, cut short, says so
    assert max(sizes) - min(sizes) <= len(json.dumps(999)), "the length of a message must not tell what it hides"
    for before, after in itertools.pairwise(subscriber.named("window")):
        assert after.json()["seq"] == before.json()["seq"] + 1
