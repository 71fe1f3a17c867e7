"""Windows as version 1 of the contract wrote them: edge 0.1.0 sent and recorded these, and they stay readable."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge.contract.labels import UNKNOWN
from edge.contract.payloads import (
    Count,
    FaceFigures,
    Fraction,
    ModelNames,
    Payload,
    Quality,
    ShareEstimate,
    Span,
    Unclassified,
    WindowPayload,
    Withheld,
)

SCHEMA = "edge.window/1"
SHORT = 0.999  # seconds: a shorter window was suppressed for its length


class QualityV1(Payload):
    """How far the figures can be trusted."""

    coverage: Fraction
    too_small: Count | None
    clock_synced: bool


class ModelNamesV1(Payload):
    """Which models the figures come from."""

    faces: str
    emotions: str | None


class WindowV1(Payload):
    """A window of version 1. Withheld emotions were counted as `unknown` there, beside zeros that nobody measured."""

    schema_: Literal["edge.window/1"] = Field("edge.window/1", alias="schema")
    device: str
    epoch: str = Field(pattern=r"^[0-9a-f]{8}$")
    seq: int = Field(ge=1)
    replayed: bool
    window: Span
    frames: Count
    faces: FaceFigures
    counts: dict[str, Count] | None
    people: dict[str, Annotated[float, Field(ge=0)]] | None
    estimate: dict[str, ShareEstimate] | None
    suppressed: bool
    quality: QualityV1
    model: ModelNamesV1


def upgrade(old: WindowV1) -> WindowPayload:
    """The same window as version 2 says it.

    A suppressed window says nothing about people, whatever stands in it. Where `unknown` is the only count and not all
    faces were too small, emotions were withheld, or no face was clear enough: version 1 does not tell which, so they
    are taken for withheld; either way there are no shares.

    Raises:
        ValueError: The counts do not sum to the number of faces.
    """
    withheld, counts, people, unclassified, estimate = None, old.counts, old.people, None, old.estimate
    faces, small = old.faces, old.quality.too_small or 0
    if old.suppressed:
        reason: Literal["short", "few_people"] = "short" if old.window.seconds < SHORT else "few_people"
        withheld = Withheld(what="figures", reason=reason)
        faces = FaceFigures(total=None, mean=None, min=None, max=None)
        counts = people = estimate = None
    elif counts is not None:
        unknown = counts.get(UNKNOWN, 0)
        if unknown and unknown == sum(counts.values()) and small < unknown:
            withheld = Withheld(what="emotions", reason="few_near")
            counts = people = estimate = None
        else:
            unclassified = Unclassified(too_small=small, away=None, unclear=unknown - small)
    return WindowPayload(
        device=old.device,
        mode="emotions" if old.model.emotions is not None else "headcount",
        epoch=old.epoch,
        seq=old.seq,
        replayed=old.replayed,
        window=old.window,
        frames=old.frames,
        faces=faces,
        facing=None,
        counts=counts,
        unclassified=unclassified,
        people=people,
        estimate=estimate,
        estimate_absent=None,
        withheld=withheld,
        quality=Quality(coverage=old.quality.coverage, clock_synced=old.quality.clock_synced),
        model=ModelNames(faces=old.model.faces, emotions=old.model.emotions, pose=None),
    )
