"""What windows that a recorder takes can have added up to: nothing else is believed of a roll-up, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import get_args

from edge.contract.labels import MAX_LABELS as MAX_LABELS_OF_WINDOW
from edge.contract.labels import UNKNOWN, is_label
from edge.contract.payloads import Withheld
from edge.contract.validation import MAX_COUNT, frames_fit
from edge.recording.window_sums import MAX_LABELS, MOST_EPOCHS, UNIT, WindowSums

MOST_WINDOWS = 24 * 3600 * 1000  # of a room in a day: one begins each millisecond
LONGEST = 24 * 3600 * 1000  # milliseconds of a window
EPOCH_PATTERN = re.compile("[0-9a-f]{8}")
REASONS = get_args(Withheld.model_fields["reason"].annotation)
WITHHELD = {f"{what} {why}" for what in get_args(Withheld.model_fields["what"].annotation) for why in REASONS}


def check_sums(sums: WindowSums) -> None:
    """Raise ValueError for sums that no windows of five minutes, or of a day, add up to."""
    if not (_windows_fit(sums) and _faces_fit(sums) and _emotions_fit(sums) and _numbers_fit(sums)):
        raise ValueError


def _windows_fit(sums: WindowSums) -> bool:
    """Windows, and how long they are."""
    parts = (sums.headcounts, sums.replayed, sums.unsynced, sums.counted, sum(sums.withheld.values()))
    return (
        1 <= sums.windows <= MOST_WINDOWS
        and max(parts) <= sums.windows <= sums.recorded <= sums.windows * LONGEST
        and sums.analysed <= sums.recorded * UNIT
        and sums.withheld.keys() <= WITHHELD
    )


def _faces_fit(sums: WindowSums) -> bool:
    """Frames, and the faces in them; one face in one frame counts one."""
    frames, least, most = sums.frames, sums.least, sums.most
    if least is None or most is None:
        return least == most and not (frames or sums.faces or sums.facing)
    return (
        sums.figures_withheld < sums.windows
        and least <= most <= MAX_COUNT
        and frames_fit(frames, sums.recorded / 1000, sums.windows)
        and least * frames * UNIT <= sums.faces <= most * frames * UNIT
        and sum(sums.facing or ()) <= sums.windows * MAX_COUNT
    )


def _emotions_fit(sums: WindowSums) -> bool:
    """Faces by their emotions."""
    seen, highest = sum(sums.counts.values()), sums.weight * UNIT * MAX_LABELS_OF_WINDOW
    return (
        sums.counted_frames <= sums.frames
        and seen <= sums.counted * MAX_COUNT
        and sums.weight <= sums.named <= seen
        and sums.estimated <= sums.counted
        and sum(sums.unclassified or ()) <= sums.counts.get(UNKNOWN, 0)
        and all(part <= highest for parts in sums.estimate.values() for part in parts)
        and _are_labels(sums.counts)
        and _are_labels(sums.estimate)
    )


def _numbers_fit(sums: WindowSums) -> bool:
    """The numbers of windows, by their epochs."""
    return (
        len(sums.epochs) <= MOST_EPOCHS
        and sum(count for _, _, count in sums.epochs.values()) <= sums.windows
        and all(low <= high <= MAX_COUNT and count for low, high, count in sums.epochs.values())
        and all(map(EPOCH_PATTERN.fullmatch, sums.epochs))
    )


def _are_labels(names: Collection[str]) -> bool:
    """Besides those that are kept apart there are `other` and `unknown`."""
    return len(names) <= MAX_LABELS + 2 and all(map(_is_label, names))


_is_label = lru_cache(maxsize=1000)(is_label)
