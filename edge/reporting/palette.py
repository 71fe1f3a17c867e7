"""The colours of reports, pages and terminals: told apart by colour-blind people, and never the only sign."""

from __future__ import annotations

from collections.abc import Iterable

from edge.contract.labels import READING_ORDER, UNKNOWN
from edge.recording.window_sums import OTHER

# Every colour by its name in the page: what is drawn on paper, and on a dark screen. No two on paper are equal, since
# a page finds them by their value.
LIGHT = {
    "card": "#fffffe", "text": "#16242e", "soft": "#4f606c", "line": "#cbd5dc", "grid": "#e6ebef",
    "gap": "#eef1f4", "gap-line": "#8c9ba6", "faces": "#1f6f8b", "good": "#14713d", "warn": "#8a5200", "bad": "#b3261e",
    "above": "#fbdca6", "below": "#c3dbf6",
    "happy": "#f0b429", "surprise": "#2fa8a0", "neutral": "#a9b6c1", "sad": "#3f74c0", "fear": "#8a63b8",
    "disgust": "#7c9c3d", "angry": "#d0514a", "unknown": "#dde3e8",
    "other-0": "#c46f9d", "other-1": "#5d8aa8", "other-2": "#b5803f", "other-3": "#5e9e6e", "other-4": "#7477c4",
}  # fmt: skip
DARK = {
    "card": "#18232b", "text": "#e7eef3", "soft": "#a5b4bf", "line": "#36454f", "grid": "#26343d",
    "gap": "#1f2c35", "gap-line": "#6f828f", "faces": "#6cc3de", "good": "#6fd19a", "warn": "#f2b75c", "bad": "#ff9d94",
    "above": "#6b4708", "below": "#1e4272",
    "happy": "#f2bd45", "surprise": "#3fb9b0", "neutral": "#7b8c99", "sad": "#5a91dd", "fear": "#a582d4",
    "disgust": "#95b852", "angry": "#e36c64", "unknown": "#3b4a55",
}  # fmt: skip
OTHERS = [name for name in LIGHT if name.startswith("other-")]


def colours(names: Iterable[str]) -> dict[str, str]:
    """The name of a colour for each emotion; foreign emotions get theirs in turn."""
    foreign = 0
    found = {}
    for name in names:
        if name in READING_ORDER or name == UNKNOWN:
            found[name] = name
        elif name == OTHER:
            found[name] = "soft"
        else:
            found[name] = OTHERS[foreign % len(OTHERS)]
            foreign += 1
    return found
