"""The names of the classes: as they travel, in which order people read them, and what people read."""

from __future__ import annotations

from collections.abc import Collection, Iterable

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""What the shipped emotion model can name, in FER2013's order."""

UNKNOWN = "unknown"
"""A face whose emotion is not named; `unclassified` says why."""

MAX_LABELS = 64
"""Of a window, with `unknown`."""
MAX_LABEL = 128
"""Bytes of one."""
MAX_LABELS_BYTES = 1000
"""Of all labels of a window together; those of models have 60."""

READING_ORDER = ("happy", "surprise", "neutral", "sad", "fear", "disgust", "angry")
"""From pleasant to unpleasant."""

WITHHELD_REASONS = {
    "few_people": "too few people",
    "few_near": "too few people near enough",
    "few_front": "too few people turned to the front",
    "short": "window too short",
    "unseen": "nothing was seen",
}
"""Why figures or emotions are withheld, as people read it."""


def absence(reason: str, frames: int) -> str:
    """A key of `WITHHELD_REASONS`: who has not seen a single frame knows nothing of how many people there were."""
    return "unseen" if reason == "few_people" and not frames else reason


ADJECTIVES = {"disgust": "disgusted", "fear": "afraid", "surprise": "surprised"}


def is_label(text: str) -> bool:
    """Whether a label may be called so."""
    return text.isprintable() and 0 < len(text.encode()) <= MAX_LABEL


def fit_a_window(labels: Collection[str]) -> bool:
    """Whether a window may have all of these labels; `unknown` is one of them."""
    if len(labels) > MAX_LABELS or not all(map(is_label, labels)):
        return False
    return sum(len(label.encode()) for label in labels) <= MAX_LABELS_BYTES


def adjective(label: str) -> str:
    """The label as people read it: `fear` is shown as `afraid`; a foreign label is shown as it is."""
    return ADJECTIVES.get(label, label)


def reading_order(labels: Iterable[str]) -> list[str]:
    """Labels from pleasant to unpleasant, foreign ones after ours, `unknown` last."""
    present = set(labels)
    foreign = sorted(present - {*READING_ORDER, UNKNOWN})
    ours = [label for label in READING_ORDER if label in present]
    return [*ours, *foreign, *([UNKNOWN] if UNKNOWN in present else [])]
