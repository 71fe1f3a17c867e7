"""The stages of frames on a line of time, in Chrome's Trace Event Format, for chrome://tracing or ui.perfetto.dev."""

from __future__ import annotations

import json
import time

TRACED = ("frame", "decode", "mask", "detect", "follow", "track", "crop", "classify", "publish")


class Trace:
    """Collects stages as they end."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._events: list[dict[str, object]] = []

    def stage(self, name: str, seconds: float, scene: str) -> None:
        """A stage has just ended.

        Args:
            name: Of the stage; those that are sums or differences of others are left out.
            seconds: How long it took.
            scene: Whose frame it was: a line of its own.
        """
        if name in TRACED:
            end = time.perf_counter() - self._began
            times = {"ts": round((end - seconds) * 1e6, 1), "dur": round(seconds * 1e6, 1)}  # microseconds
            self._events.append({"name": name, "cat": "stage", "ph": "X", **times, "pid": 1, "tid": scene})

    def to_json(self) -> str:
        """The file."""
        scenes = dict.fromkeys(str(event["tid"]) for event in self._events)
        numbers = {scene: number for number, scene in enumerate(scenes, 1)}
        names = [
            {"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": scene}}
            for scene, number in numbers.items()
        ]
        events = [{**event, "tid": numbers[str(event["tid"])]} for event in self._events]
        return json.dumps({"displayTimeUnit": "ms", "traceEvents": [*names, *events]}) + "\n"
