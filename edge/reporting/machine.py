"""What is known of a room's device from its messages; bounded, whatever a hostile room sends."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.alerts import ALERTS
from edge.contract.machine_messages import MachineAlert, MachineHealth, MachineInfo, MachineMessage
from edge.contract.payloads import WindowPayload
from edge.contract.validation import newer
from edge.text import printable

MAX_ALERTS = 2 * len(ALERTS)  # of one device; a newer one may know some that we do not
MAX_PROBLEM = 300  # characters of an alert's problem, and of its remedy
MAX_NAME = 64  # characters of a version, a model, a camera


@dataclass
class Machine:
    """The newest of each message that a device retains about itself, and whether it measures.

    Attributes:
        alerts: By their ids, each cut to what is shown.
        window: The last one that showed that it measured: not always the newest one, which pages show.
        heard: When that came, milliseconds of our clock; 0 without one.
        told: When the last new `health` came, milliseconds of our clock; 0 without one, as of an older version.
    """

    info: MachineInfo | None = None
    health: MachineHealth | None = None
    alerts: dict[str, MachineAlert] = field(default_factory=dict)
    window: WindowPayload | None = None
    heard: int = 0
    told: int = 0

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
            if window.replayed and not newer(window, last):
                return
        self.window, self.heard = window, now


def name_of(text: str) -> str:
    """A name from outside as it is shown."""
    return printable(text, MAX_NAME)


def _cut(alert: MachineAlert) -> MachineAlert:
    problem, remedy = printable(alert.problem, MAX_PROBLEM), printable(alert.remedy, MAX_PROBLEM)
    return alert.model_copy(update={"problem": problem, "remedy": remedy})
