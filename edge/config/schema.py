"""The whole configuration as frozen pydantic models: every key, its range, and what it means."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from edge.config.address_redaction import without_password
from edge.config.broker_url import BrokerUrl, Protocol
from edge.config.camera_address import mistake_in
from edge.config.camera_source import SOURCE_PATTERN, SOURCES, has_certificate, live
from edge.config.polygon import Polygon
from edge.contract.topics import NAME_PATTERN
from edge.files.home import expand_home
from edge.files.numbers import AS_MEANT, Number, Whole
from edge.text import Sentence, mark
from edge.timing.local_zone import schedule_zone_problem
from edge.timing.schedule import CLOCK_PATTERN, DAYS, Day, Schedule, WeeklyPause, clock_time
from edge.timing.zone_names import zone_named


def _printable(text: str) -> str:
    if not text.isprintable():  # marks that turn text around would show another name than there is
        raise ValueError(mark("it has a character that cannot be seen"))
    return text


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN), AfterValidator(_printable)]
File = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f]+$"), AfterValidator(expand_home)]
"""A path; `~` is the home folder of the user who reads the configuration."""

Port = Annotated[int, Field(ge=1024, le=65535), AS_MEANT]

RESERVED = (".pause", ".resume", ".closed", ".lock", ".masks", ".place", ".key", ".resumed", ".camera")
"""Endings of the files beside the outbox."""


class Section(BaseModel):
    """A part of the configuration; unknown keys are refused, so that a typo is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=1024)


class DeviceConfig(Section):
    """Who is speaking: the first two levels of every topic."""

    name: Name = Field("room-1", description="name of this room, without + # / or control characters")
    prefix: Name = Field("classroom", description="first level of every topic, without + # / or control characters")


class CameraConfig(Section):
    """Where frames come from."""

    source: str = Field("auto", pattern=SOURCE_PATTERN, description=f"one of: {SOURCES}")
    width: Whole = Field(1280, ge=160, le=3840, description="pixels asked of a USB or CSI camera")
    height: Whole = Field(720, ge=120, le=2160, description="pixels asked of a USB or CSI camera")
    fps: Number = Field(15.0, ge=1, le=60, description="frames per second asked of a USB or CSI camera")
    rotation: Annotated[Literal[0, 90, 180, 270], AS_MEANT] = Field(
        0, description="degrees to turn the picture by, clockwise: 180 if it is upside down"
    )
    hflip: bool = Field(default=False, description="exchange left and right")
    vflip: bool = Field(default=False, description="exchange top and bottom")
    masks: tuple[Polygon, ...] = Field(
        (),
        max_length=32,
        description="at most 32 polygons that are blacked out before anything looks at the picture, each a list of 3 "
        "to 64 points [x, y] in fractions (0 to 1) of the upright picture; [] masks nothing",
    )
    exposure: Whole = Field(
        0, ge=0, le=1_000_000, description="exposure of a picamera in microseconds; 0 leaves it to the camera"
    )
    gain: Number = Field(0.0, ge=0, le=64, description="analogue gain of a picamera; 0 leaves it to the camera")
    hdr: bool = Field(default=False, description="high dynamic range of a picamera that has it, for bright windows")
    ca_file: File | None = Field(
        None,
        description="certificate of the network camera, or of its authority, PEM (https and rtsps only); null: none is "
        "checked",
    )
    loop: bool = Field(default=False, description="start a file or folder again when it ends")
    open_timeout: Number = Field(10.0, ge=1, le=120, description="seconds to wait for the camera to open")
    read_timeout: Number = Field(5.0, ge=0.5, le=60, description="seconds to wait for a frame")

    @field_validator("source")
    @classmethod
    def _source(cls, value: str) -> str:
        if re.match(r"(rtsps?|https?)://", value) and (mistake := mistake_in(value)):
            raise ValueError(mistake)
        kind, colon, path = value.partition(":")
        return f"{kind}{colon}{expand_home(path)}" if kind in ("file", "images") else value

    @model_validator(mode="after")
    def _tls(self) -> CameraConfig:
        if self.ca_file and not has_certificate(self.source):
            raise ValueError(
                "ca_file is only used with an https:// or rtsps:// camera, but source is "
                f"{without_password(self.source)}: set ca_file: null, or the camera's encrypted address"
            )
        return self

    @model_validator(mode="after")
    def _exposure(self) -> CameraConfig:
        if self.exposure * self.fps > 1e6:
            raise ValueError(
                f"exposure {self.exposure} does not fit into a frame: at fps {self.fps:g} it is "
                f"{1e6 / self.fps:.0f} microseconds at most"
            )
        return self


class VisionConfig(Section):
    """How frames are analysed."""

    fps: Number = Field(5.0, ge=0.1, le=60, description="frames analysed per second, at most")
    detect_fps: Number = Field(3.0, ge=0.1, le=60, description="detections per second when time is short; 1 at least")
    cpu_budget: Number = Field(
        1.0, ge=0.05, le=1, description="share of this machine's processors that the daemon may use"
    )
    detect_width: Annotated[Literal[640, 1280, 1920], AS_MEANT] = Field(1280, description="detection width in pixels")
    min_face_px: Whole = Field(24, ge=10, le=400, description="smaller faces are counted as unknown, in camera pixels")
    min_confidence: Number = Field(
        0.3,
        ge=0,
        le=1,
        description="less certain emotions are counted as unknown; strong ones need more",
    )
    pose: Literal["front", "any"] = Field(
        "front", description="whose emotions are named: faces turned to the front, or faces in any pose"
    )
    threads: Whole = Field(1, ge=1, le=16, description="CPU threads of each model")
    count_area: Polygon | None = Field(
        None,
        description="a polygon as in camera.masks: faces whose centre lies outside are not counted; null: all are",
    )
    emotions_model: File = Field("emotions.json", description="card of the emotion model")
    emotions_output: str = Field("ferplus", min_length=1, description="which output of that model is read")


class WindowConfig(Section):
    """How long results are added up before they are published."""

    seconds: Number = Field(10.0, ge=1, le=3600, description="length of a window")


class MqttConfig(Section):
    """Where numbers go."""

    broker: str = Field(
        "embedded", description="embedded, mqtt://host:1883 or mqtts://host:8883 (credentials go into their own keys)"
    )
    embedded_port: Port = Field(1883, description="port of the embedded broker, on 127.0.0.1")
    username: str | None = Field(None, max_length=256, description="user name at the broker")
    password_file: File | None = Field(
        None, description="file that holds the password; without it the systemd credential mqtt-password"
    )
    ca_file: File | None = Field(None, description="certificate authority of the broker, PEM (mqtts only)")
    certificate_file: File | None = Field(None, description="client certificate, PEM (mqtts only)")
    key_file: File | None = Field(None, description="key of the client certificate, PEM (mqtts only)")
    protocol: Protocol = Field(
        "auto", description="version of MQTT; auto: 5, and 3.1.1 where the broker does not know it"
    )
    keepalive: Whole = Field(30, ge=5, le=3600, description="seconds between signs of life on an idle connection")

    @field_validator("protocol", mode="before")
    @classmethod
    def _protocol(cls, value: object) -> object:
        return "5" if value == 5 and not isinstance(value, bool) else value  # YAML reads 5 as a number

    @field_validator("broker")
    @classmethod
    def _broker(cls, value: str) -> str:
        if value != "embedded":
            BrokerUrl.parse(value)
        return value

    @model_validator(mode="after")
    def _tls(self) -> MqttConfig:
        files = [key for key in ("ca_file", "certificate_file", "key_file") if getattr(self, key)]
        if files and not self.broker.startswith("mqtts://"):
            raise ValueError(
                Sentence(
                    "{key} is only used with an mqtts:// broker, but broker is {broker}",
                    {"key": files[0], "broker": self.broker},
                )
            )
        if self.password_file and not self.username:
            raise ValueError(mark("password_file needs a username"))
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError(mark("certificate_file and key_file go together"))
        return self


class OutboxConfig(Section):
    """Where windows wait until the broker has them."""

    path: File | None = Field(
        None, description="SQLite file; without it $STATE_DIRECTORY/outbox.sqlite or ~/.local/state/edge/<name>.sqlite"
    )
    max_age_hours: Number = Field(24.0, gt=0, le=720, description="how long an unsent window is kept and valid")
    max_megabytes: Whole = Field(64, ge=1, le=10000, description="how large it may grow before the oldest are dropped")

    @field_validator("path")
    @classmethod
    def _names_a_file(cls, value: str | None) -> str | None:
        if value is not None and (not Path(value).name or Path(value).suffix in RESERVED):
            raise ValueError(f"it has to name a file, and not one that ends in {', '.join(RESERVED)}")
        return value


class HealthConfig(Section):
    """How often the daemon reports on itself, and when its board is too hot."""

    seconds: Number = Field(30.0, ge=1, le=3600, description="time between health messages")
    hot_c: Number = Field(
        80.0, ge=40, le=120, description="degrees Celsius of the processor from which fewer frames are analysed"
    )


Pin = Annotated[int, Field(ge=0, le=27), AS_MEANT]


class GpioConfig(Section):
    """What is wired to the pins of a Raspberry Pi, by their BCM numbers."""

    led: Pin | None = Field(None, description="pin of a lamp that is lit while the camera is open")
    button: Pin | None = Field(None, description="pin of a button to ground that pauses and resumes")

    @model_validator(mode="after")
    def _apart(self) -> GpioConfig:
        if self.led is not None and self.led == self.button:
            raise ValueError(f"led and button cannot share pin {self.led}")
        return self


class PauseTime(Section):
    """A time of the week in which the camera is closed."""

    days: tuple[Day, ...] = Field(DAYS, description="days on which it begins: mon, tue, wed, thu, fri, sat, sun")
    begin: Annotated[str, BeforeValidator(clock_time)] = Field(
        alias="from", pattern=CLOCK_PATTERN, description='when it begins, as "12:00"'
    )
    end: Annotated[str, BeforeValidator(clock_time)] = Field(
        alias="to", pattern=CLOCK_PATTERN, description='when, as "13:00"; not later than `from` is on the next day'
    )

    @field_validator("days")
    @classmethod
    def _days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError(mark("name one day or more, or leave days out for every day"))
        return value


class PrivacyConfig(Section):
    """What is withheld, and when the camera is closed."""

    min_faces: Whole = Field(
        5, ge=1, le=1000, description="windows in which fewer people are seen at any time are sent without figures"
    )
    round_to: Whole = Field(1, ge=1, le=1000, description="counts are rounded to multiples of this")
    schedule: tuple[PauseTime, ...] = Field((), max_length=100, description="times of the week with a closed camera")
    time_zone: str | None = Field(
        None, description="time zone of the schedule, such as Europe/Berlin; without it this machine's"
    )
    trust_clock: bool = Field(
        default=False,
        description="the clock is right even if nothing (NTP) has set it: follow the schedule, and say so in windows",
    )
    allow_remote_resume: bool = Field(
        default=True, description="whether a pause may be ended over MQTT, or only on the device itself"
    )

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str | None) -> str | None:
        if value is not None:
            zone_named(value)
        return value

    @model_validator(mode="after")
    def _local_zone(self) -> PrivacyConfig:
        if self.follows_local_zone and (problem := schedule_zone_problem()):
            raise ValueError(f"the schedule follows this machine's time zone, but {problem}; or set privacy.time_zone")
        return self

    @property
    def follows_local_zone(self) -> bool:
        """Whether the schedule is in the time zone of this machine."""
        return bool(self.schedule) and self.time_zone is None

    @property
    def weekly(self) -> Schedule:
        """The schedule, ready to be asked."""
        return Schedule(
            tuple(
                WeeklyPause(
                    frozenset(map(DAYS.index, each.days)), time.fromisoformat(each.begin), time.fromisoformat(each.end)
                )
                for each in self.schedule
            ),
            ZoneInfo(self.time_zone) if self.time_zone else None,
        )


class HomeAssistantConfig(Section):
    """Whether and where Home Assistant finds this device by itself."""

    discovery: bool = Field(default=True, description="announce this device to Home Assistant")
    prefix: Name = Field("homeassistant", description="its discovery prefix, without + # / or control characters")


class MetricsConfig(Section):
    """Where Prometheus reads how the daemon is doing."""

    port: Port | None = Field(None, description="TCP port of /metrics; without it nothing listens")
    host: str = Field(
        "127.0.0.1", min_length=1, pattern=r"^[0-9A-Za-z.:-]+$", description="address of this machine to listen on"
    )


class DeploymentConfig(Section):
    """Who answers for a live camera, and on what legal basis; empty: no live camera is opened."""

    responsible: str = Field("", description="person or office that answers for this device")
    legal_basis: str = Field("", description="why the law allows it here")

    @property
    def declared(self) -> bool:
        """Both keys say something."""
        return bool(self.responsible.strip() and self.legal_basis.strip())


Mode = Literal["emotions", "facing", "headcount"]
ModelKind = Literal["faces", "pose", "emotions"]

MODELS: dict[Mode, frozenset[ModelKind]] = {
    "headcount": frozenset({"faces"}),
    "facing": frozenset({"faces", "pose"}),
    "emotions": frozenset({"faces", "pose", "emotions"}),
}
"""The models that each mode needs, and no others are opened."""
ANSWERED_FOR: frozenset[Mode] = frozenset({"facing", "emotions"})
"""Modes in which a live camera is opened only when `deployment` says who answers for it."""


class Config(Section):
    """One `config.yaml`, valid as shipped."""

    device: DeviceConfig = DeviceConfig()
    mode: Mode = Field(
        "emotions",
        description="headcount: faces; facing: and who is turned to the front; emotions: and expressions",
    )
    camera: CameraConfig = CameraConfig()
    vision: VisionConfig = VisionConfig()
    window: WindowConfig = WindowConfig()
    mqtt: MqttConfig = MqttConfig()
    outbox: OutboxConfig = OutboxConfig()
    health: HealthConfig = HealthConfig()
    gpio: GpioConfig = GpioConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    homeassistant: HomeAssistantConfig = HomeAssistantConfig()
    metrics: MetricsConfig = MetricsConfig()
    deployment: DeploymentConfig = DeploymentConfig()

    @model_validator(mode="after")
    def _declared(self) -> Config:
        if problem := self.unanswered(self.camera.source):
            raise ValueError(problem)
        return self

    def unanswered(self, source: str) -> str:
        """Why this source may not be opened, as nobody answers for it, and the remedy; empty: it may."""
        if not (live(source) and self.lacks_deployment):
            return ""
        return (
            f"camera.source {without_password(source)} is a live camera: in mode: {self.mode} it is "
            "opened only when deployment.responsible and deployment.legal_basis say who answers for it and on what "
            "legal basis; fill in both, or use camera.source: sample or mode: headcount"
        )

    @property
    def needed_models(self) -> frozenset[ModelKind]:
        """The models that the mode needs."""
        return MODELS[self.mode]

    @property
    def lacks_deployment(self) -> bool:
        """Whether somebody has to answer for a live camera in this mode, and nobody is named."""
        return self.mode in ANSWERED_FOR and not self.deployment.declared
