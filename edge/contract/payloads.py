"""What travels over MQTT, as models: they build the payloads, and their JSON Schemas are the documentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from edge.contract.labels import UNKNOWN
from edge.contract.timestamps import PATTERN

Timestamp = Annotated[str, Field(pattern=PATTERN, description="RFC 3339, UTC")]
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
RunMode = Literal["running", "paused", "camera_lost", "throttled"]
MeasuringMode = Literal["headcount", "facing", "emotions"]
EstimateAbsent = Literal["uncalibrated", "incomplete", "few", "rounding", "shift"]


class Payload(BaseModel):
    """A JSON object with exactly these keys. JSON has no infinite number and no NaN; neither has a payload."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_json(self) -> bytes:
        """UTF-8, compact."""
        return self.model_dump_json(by_alias=True).encode()


class Span(Payload):
    """The stretch of time that a window covers."""

    start: Timestamp
    end: Timestamp
    seconds: float = Field(gt=0)


class FaceFigures(Payload):
    """Faces over all frames of the window; null when figures are withheld."""

    total: Count | None = Field(description="face observations: one face in one analysed frame counts one")
    mean: float | None = Field(ge=0, description="faces in the average frame")
    min: Count | None = Field(description="fewest faces in a frame")
    max: Count | None = Field(description="most faces in a frame")


class Facing(Payload):
    """Face observations by the direction of the head. No measure of attention: who writes looks down."""

    front: Count = Field(description="turned to the camera: both eyes are visible to it")
    away: Count = Field(description="profile, back of the head, or head so low that an eye is hidden")
    unknown: Count = Field(description="too small to tell")

    @property
    def total(self) -> int:
        """All face observations."""
        return self.front + self.away + self.unknown


class Unclassified(Payload):
    """Why faces are counted as `unknown`."""

    too_small: Count = Field(description="smaller than `vision.min_face_px`")
    away: Count | None = Field(description="not turned to the front; null where head poses are not measured")
    unclear: Count = Field(description="the evidence was too weak for any emotion, or the face was still waiting")

    @property
    def total(self) -> int:
        """All of them."""
        return self.too_small + (self.away or 0) + self.unclear


class ShareEstimate(Payload):
    """The share of one emotion, corrected for the classifier's known confusions, with a 90 % interval."""

    share: Fraction
    low: Fraction
    high: Fraction


class Withheld(Payload):
    """What privacy holds back in this window, and why; all of it is null."""

    what: Literal["figures", "facing", "emotions"] = Field(
        description="emotions: `counts`, `unclassified`, `people` and `estimate`; facing: these and `facing`; "
        "figures: everything about people; what the mode does not measure is null and never withheld"
    )
    reason: Literal["few_people", "few_near", "few_front", "short"] = Field(
        description="fewer than `privacy.min_faces` people, or, where `frames` is 0, nobody knows how many; fewer than "
        "that near enough; fewer than that turned to the front; a window of less than a second. For emotions only "
        "faces count that have been classified"
    )


class Quality(Payload):
    """How far the figures can be trusted."""

    coverage: Fraction = Field(description="share of the window's time in which frames were analysed")
    clock_synced: bool = Field(description="the system, or `privacy.trust_clock`, says that its clock is set")


class ModelNames(Payload):
    """Which models the figures come from, as name@first 12 digits of the sha256."""

    faces: str
    emotions: str | None = Field(description="null when emotions are not measured")
    pose: str | None = Field(description="the rule for head poses and its model; null when poses are not measured")


class WindowBody(Payload):
    """A window before it has an identity: what was measured, and what of it is withheld.

    Raises:
        ValueError: Counts, facing, unclassified and total do not add up.
    """

    schema_: Literal["edge.window/2"] = Field("edge.window/2", alias="schema")
    device: str = Field(description="the name in the topic; leave out what says another")
    mode: MeasuringMode
    window: Span
    frames: Count = Field(description="analysed frames")
    faces: FaceFigures
    facing: Facing | None = Field(description="null when withheld, or when poses are not measured")
    counts: dict[str, Count] | None = Field(
        description="face observations per emotion and `unknown`; they sum to faces.total; null when withheld, or when "
        "emotions are not measured"
    )
    unclassified: Unclassified | None = Field(
        description="why faces are `unknown`; sums to counts.unknown; null where counts are"
    )
    people: dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        description="counts / frames; null where counts are"
    )
    estimate: dict[str, ShareEstimate] | None = Field(
        description="share of each emotion among the faces turned to the front (with `vision.pose: any`: large "
        "enough), corrected for what the classifier confuses; null where counts are, or for the reason in "
        "estimate_absent"
    )
    estimate_absent: EstimateAbsent | None = Field(
        description="why there is no estimate where there are counts: the model has no calibration; not every face had "
        "its turn; too few faces; counts are rounded too coarsely; the faces do not look like the calibration data"
    )
    withheld: Withheld | None
    quality: Quality
    model: ModelNames

    @model_validator(mode="after")
    def _sums(self) -> Self:
        if self.counts is not None:
            if self.faces.total is None or sum(self.counts.values()) != self.faces.total:
                raise ValueError("counts do not sum to faces.total")
            if self.unclassified is None or self.unclassified.total != self.counts.get(UNKNOWN, 0):
                raise ValueError("unclassified does not sum to counts.unknown")
        if self.facing is not None and self.facing.total != self.faces.total:
            raise ValueError("facing does not sum to faces.total")
        return self


class WindowPayload(WindowBody):
    """Topics `window` and `latest`. (the topic's device, epoch, seq) names a window for good: drop repeats."""

    epoch: str = Field(pattern=r"^[0-9a-f]{8}$", description="changes when a new outbox is created")
    seq: int = Field(ge=1, description="grows by one; a gap is a loss")
    replayed: bool = Field(description="sent later than its own window, after an outage or restart")


class State(Payload):
    """Topic `state`."""

    mode: RunMode
    reason: str
    since: Timestamp


class ModelInfo(Payload):
    """One model file."""

    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ModelFiles(Payload):
    """The models in use."""

    faces: ModelInfo
    emotions: ModelInfo | None = Field(description="null when emotions are not measured")
    pose: ModelInfo | None = Field(None, description="the rule for head poses; null when they are not measured")


class ScheduledPause(Payload):
    """A time of the week in which the camera is closed; `to` not later than `from` is on the next day."""

    days: list[str]
    begin: str = Field(alias="from")
    end: str = Field(alias="to")


class Policy(Payload):
    """The privacy policy in force."""

    min_faces: int = Field(ge=1)
    round_to: int = Field(ge=1)
    schedule: list[ScheduledPause]
    time_zone: str | None = Field(description="of the schedule; null: the device's own")
    trust_clock: bool
    allow_remote_resume: bool


class Responsible(Payload):
    """Who answers for the device; empty while only sample input is shown."""

    responsible: str
    legal_basis: str


class Info(Payload):
    """Topic `info`: what is running here."""

    device: str = Field(description="the name in the topic; leave out what says another")
    mode: MeasuringMode = Field(description="headcount: faces only; facing: and head poses; emotions: all")
    version: str
    python: str
    runtime: str
    camera: str = Field(description="the kind of input: sample, usb, stream, file or images")
    models: ModelFiles
    labels: list[str] = Field(description="the emotions that can be named; empty when faces are only counted")
    estimate: str = Field(description="where estimated shares come from, or why there are none")
    window_seconds: float
    privacy: Policy
    deployment: Responsible
    masked: Fraction = Field(0.0, description="share of the picture that is blacked out by `camera.masks`")
    place: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{8}$",
        description="digest of `camera.masks`, `vision.count_area`, the limits by which faces are named that are not "
        "as shipped (size of the picture, `vision.min_face_px`, `min_confidence`, `emotions_output`), and the camera "
        "where it is another one than `auto` found first: figures are comparable only where it is the same; null: "
        "nothing of that",
    )


class HealthPayload(Payload):
    """Topic `health`; null where this machine does not report it."""

    time: Timestamp
    uptime: float = Field(ge=0, description="seconds since the daemon started")
    fps: float = Field(ge=0, description="frames analysed per second since the last message")
    stages_ms: dict[str, float] = Field(
        description="median milliseconds per stage of a frame, of windows of which nothing is withheld or rounded"
    )
    faces_per_frame: float | None = Field(
        description="mean faces of the newest published window; null when its figures were withheld"
    )
    temperature_c: float | None = Field(description="of the processor, degrees Celsius")
    throttled_bits: int | None = Field(
        description="of the Raspberry Pi firmware: 1 under-voltage, 2 frequency capped, 4 throttled, 8 too warm; "
        "65536 times as much: not now, but since the start"
    )
    under_voltage: bool | None = Field(description="the power supply is too weak")
    load: float | None = Field(description="runnable processes per core, over the last minute")
    disk_free_mb: float | None = Field(description="free on the disk of the outbox, 10^6 bytes")
    rss_mb: float | None = Field(description="memory of the daemon, 2^20 bytes")
    outbox_depth: Count = Field(description="windows that the broker does not have yet")


class Alert(Payload):
    """Topic `alert/<id>`: a problem that needs attention; an empty message clears it."""

    problem: str
    remedy: str
    since: Timestamp
    lost: Count | None = Field(None, description="windows that were dropped since then, where any can be")


class NamedAlert(Alert):
    """One of the alerts in force."""

    id: str = Field(description="the last level of its topic")


class Alerts(Payload):
    """Topic `alerts`: all that are in force, for readers that cannot follow a topic for each."""

    number: Count
    alerts: list[NamedAlert]


class Answer(Payload):
    """Topic `cmd/<name>/response`, or the response topic that the command named."""

    status: Literal["ok", "error"]
    error: str | None = Field(description="what was wrong, null when nothing was")
    id: str | int | None = Field(description="the command's own id, null when it had none")


PAYLOADS: dict[str, type[Payload]] = {
    "window": WindowPayload,
    "state": State,
    "info": Info,
    "health": HealthPayload,
    "alert": Alert,
    "alerts": Alerts,
    "answer": Answer,
}
"""Every JSON payload by the name of its schema file; `latest` is a window, `availability` is a bare word."""
