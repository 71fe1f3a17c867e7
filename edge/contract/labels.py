"""The names of the classes: as they travel, in which order people read them, and what people read."""

from __future__ import annotations

from collections.abc import Iterable

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""What the shipped emotion model can name, in FER2013's order."""

UNKNOWN = "unknown"
"""A face whose emotion is not named; `unclassified` says why."""

READING_ORDER = ("happy", "surprise", "neutral", "sad", "fear", "disgust", "angry")
"""From pleasant to unpleasant."""

WITHHELD_REASONS = {
    "few_people": "too few people",
    "few_near": "too few people near enough",
    "few_front": "too few people turned to the front",
    "short": "window too short",
}
"""Why figures or emotions are withheld, as people read it."""

ADJECTIVES = {"disgust": "disgusted", "fear": "afraid", "surprise": "surprised"}


def adjective(label: str) -> str:
    """The label as people read it: `fear` is shown as `afraid`; a foreign label is shown as it is."""
    return ADJECTIVES.get(label, label)


def reading_order(labels: Iterable[str]) -> list[str]:
    """Labels from pleasant to unpleasant, foreign ones after ours, `unknown` last."""
    present = set(labels)
    foreign = sorted(present - {*READING_ORDER, UNKNOWN})
    ours = [label for label in READING_ORDER if label in present]
    return [*ours, *foreign, *([UNKNOWN] if UNKNOWN in present else [])]
