"""What is shown of a window with more labels than a page keeps apart: the rest of them as one, as in roll-ups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from edge.contract.payloads import ShareEstimate, WindowPayload
from edge.recording.window_sums import kept_label

Number = TypeVar("Number", int, float)


def fold_labels(window: WindowPayload, known: Iterable[str]) -> WindowPayload:
    """The window with the labels that are known and those for which there is room; all others are `other`.

    Args:
        window: As `read_message` gave it.
        known: Labels that have a place.
    """
    names: dict[str, str] = {}
    places = set(known)
    for label in (*(window.counts or ()), *(window.estimate or ())):
        names[label] = kept_label(places, label)
        places.add(names[label])
    if all(label == name for label, name in names.items()):
        return window
    return window.model_copy(
        update={
            "counts": window.counts and _folded(window.counts, names),
            "people": window.people and _folded(window.people, names),
            "estimate": window.estimate and _folded_estimate(window.estimate, names),
        }
    )


def _folded(figures: Mapping[str, Number], names: Mapping[str, str]) -> dict[str, Number]:
    found: dict[str, Number] = {}
    for label, figure in figures.items():
        name = names[label]
        found[name] = found[name] + figure if name in found else figure
    return found


def _folded_estimate(estimate: Mapping[str, ShareEstimate], names: Mapping[str, str]) -> dict[str, ShareEstimate]:
    share, low, high = (
        _folded({label: getattr(each, part) for label, each in estimate.items()}, names)
        for part in ("share", "low", "high")
    )
    # Ends of intervals add up to wider ones than the sum has: never to too narrow ones.
    return {
        name: ShareEstimate(share=min(1.0, share[name]), low=min(1.0, low[name]), high=min(1.0, high[name]))
        for name in share
    }
