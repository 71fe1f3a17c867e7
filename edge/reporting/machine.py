"""What is known of a room's device from its messages; bounded, whatever a hostile room sends."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.alerts import ALERTS
from edge.contract.machine_messages import MachineAlert, MachineHealth, MachineInfo, MachineMessage
from edge.contract.payloads import WindowPayload
from edge.contract.timestamps import parse_timestamp
from edge.contract.validation import newer
from edge.text import printable

MAX_ALERTS = 2 * len(ALERTS)  # of one device; a newer one may know some that we do not
MAX_PROBLEM = 300  # characters of an alert's problem, and of its remedy
OVERLAPS = 3  # windows that overlap another one: fewer may come from a clock that was set
MAX_NAME = 64  # characters of a version, a model, a camera


@dataclass
class Machine:
    """The newest of each message that a device retains about itself, and whether it measures.

    Attributes:
        alerts: By their ids, each cut to what is shown.
        window: The last one that showed that it measured: not always the newest one, which pages show.
        heard: When that came, milliseconds of our clock; 0 without one.
        overlapped: When the last few windows came that were measured while another one was, milliseconds of our clock.
        resumed: When a pause of it, or the loss of its camera, ended, milliseconds of our clock; 0: not that we know.
        newer: When the last window came that only a newer version of this program reads, milliseconds of our clock.
        told: When the last new `health` came, milliseconds of our clock; 0 without one, as of an older version.
    """

    info: MachineInfo | None = None
    health: MachineHealth | None = None
    alerts: dict[str, MachineAlert] = field(default_factory=dict)
    window: WindowPayload | None = None
    heard: int = 0
    resumed: int = 0
    newer: int = 0
    told: int = 0
    overlapped: tuple[int, ...] = ()

    def take(self, message: MachineMessage, now: int) -> None:
        """Take a message of this device; `now` in milliseconds of our clock."""
        content = message.content
        if message.kind == "alert":
            if not isinstance(content, MachineAlert):
                self.alerts.pop(message.alert, None)
            elif message.alert in self.alerts or len(self.alerts) < MAX_ALERTS:
                self.alerts[message.alert] = _cut(content)
            elif message.alert in ALERTS:  # one that is known takes the place of one that is not
                del self.alerts[next(name for name in self.alerts if name not in ALERTS)]
                self.alerts[message.alert] = _cut(content)
        elif isinstance(content, MachineHealth):
            if content != self.health:  # the broker sends what it keeps at each connect: no news of the device
                self.health, self.told = content, now
        elif isinstance(content, MachineInfo):
            self.info = content
        elif message.kind == "health":
            self.health = None
        else:
            self.info = None

    def hear(self, window: WindowPayload, now: int) -> None:
        """Take a window of this device; a live one was measured just now, whatever its number and its clock say.

        Args:
            window: Also one that is not shown, as of a time that was deleted.
            now: Milliseconds of our clock.
        """
        last = self.window
        if last is not None:
            if (window.epoch, window.seq, window.window.start) == (last.epoch, last.seq, last.window.start):
                return  # by the other topic, or retained
            if _overlap(last, window):
                self.overlapped = (*self.overlapped, now)[-OVERLAPS:]
            if window.replayed and not newer(window, last):
                return
        self.window, self.heard = window, now


def _overlap(one: WindowPayload, other: WindowPayload) -> bool:
    """Whether most of the shorter one was measured during the other, as no single device does."""
    if not (one.quality.clock_synced and other.quality.clock_synced):
        return False
    spans = [(parse_timestamp(each.window.start), parse_timestamp(each.window.end)) for each in (one, other)]
    (first, until), (second, end) = spans
    return 2 * (min(until, end) - max(first, second)) > min(until - first, end - second)


def name_of(text: str) -> str:
    """A name from outside as it is shown."""
    return printable(text, MAX_NAME)


def _cut(alert: MachineAlert) -> MachineAlert:
    problem, remedy = printable(alert.problem, MAX_PROBLEM), printable(alert.remedy, MAX_PROBLEM)
    return alert.model_copy(update={"problem": problem, "remedy": remedy})
