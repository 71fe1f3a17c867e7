"""GPIO pins: a lamp that is lit while the camera is open, and a button that pauses and resumes."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import tempfile
import warnings
from typing import Any

from edge.config.schema import GpioConfig
from edge.errors import BusyError, ConfigError, EdgeError

logger = logging.getLogger(__name__)

BOUNCE = 0.05  # seconds in which a button may bounce
REMEDY = (
    "on a Raspberry Pi: apt-get install python3-gpiozero python3-lgpio, and a user in the group gpio; "
    "elsewhere leave gpio.led and gpio.button at null"
)
BUSY_REMEDY = "another program uses them; if that is the service: sudo systemctl stop edge"


class GpioPins:
    """A lamp and a button at the pins of a Raspberry Pi: both, one of them, or neither.

    Args:
        gpio: Which pins.
    """

    def __init__(self, gpio: GpioConfig) -> None:
        self._gpio = gpio
        self._lit = False
        self._lamp: Any = None  # gpiozero has no types
        self._button: Any = None
        self._presses: queue.SimpleQueue[None] = queue.SimpleQueue()  # one entry each: none is lost, however fast

    def start(self) -> None:
        """Claim the pins, unless they are ours already.

        Raises:
            BusyError: Another program has one of them.
            ConfigError: There is no such hardware, or no software for it.
        """
        led, button = self._gpio.led, self._gpio.button
        if (led is None and button is None) or self._lamp is not None or self._button is not None:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # one line for every library that is not there
                _import_lgpio()
                import gpiozero  # noqa: PLC0415 - an extra, and only where a key asks for it

                if led is not None:
                    self._lamp = gpiozero.LED(led, initial_value=self._lit)
                if button is not None:
                    self._button = gpiozero.Button(button, bounce_time=BOUNCE)
                    self._button.when_pressed = lambda: self._presses.put(None)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            self.stop()
            reason = " ".join(str(error).split()) or type(error).__name__
            problem = f"gpio.led and gpio.button cannot be used here ({reason})"
            if "busy" in reason.lower() or "in use" in reason:
                raise BusyError(problem, BUSY_REMEDY) from None
            raise ConfigError(problem, REMEDY) from None

    def change(self, gpio: GpioConfig) -> None:
        """Use other pins. Raises as `start`: then the old ones stay in use."""
        if gpio == self._gpio:
            return
        old = self._gpio
        self.stop()
        self._gpio = gpio
        try:
            self.start()
        except EdgeError:
            self._gpio = old
            self.start()
            raise

    def set_lamp(self, lit: bool) -> None:  # noqa: FBT001 - a lamp has no other setting
        """Switch the lamp. May be called from any thread."""
        self._lit = lit
        if self._lamp is not None:
            try:
                self._lamp.value = lit
            except Exception as error:  # noqa: BLE001 - as above; a daemon that counts is worth more than its lamp
                logger.warning("the lamp cannot be switched (%s: %s)", type(error).__name__, error)

    def take_presses(self) -> int:
        """How often the button was pressed since the last call."""
        presses = 0
        with contextlib.suppress(queue.Empty):
            while True:
                self._presses.get_nowait()
                presses += 1
        return presses

    def stop(self) -> None:
        """Release the pins; the lamp goes out."""
        if self._lamp is not None:
            with contextlib.suppress(Exception):
                self._lamp.off()  # a pin that is merely released may keep its level
        for device in (self._lamp, self._button):
            if device is not None:
                with contextlib.suppress(Exception):
                    device.close()
        self._lamp = self._button = None


def _import_lgpio() -> None:
    """Import the library with which gpiozero reaches the pins, if it is installed.

    Imported, lgpio makes the pipe through which presses come, readable for all, in the folder LG_WD, and makes that
    folder the process's current one. In a folder of others, they could press the button or take presses away, and
    relative paths would mean their files from then on. So it gets a folder of ours, and we go back. Once both ends of
    the pipe are open, nobody needs its name.
    """
    try:
        before = os.open(".", os.O_PATH | os.O_CLOEXEC)
    except OSError:  # a folder that we may not enter, as under sudo -u
        before = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        with tempfile.TemporaryDirectory(prefix="edge-gpio-") as folder:
            os.environ["LG_WD"] = folder
            try:
                with contextlib.suppress(ImportError):
                    import lgpio  # noqa: F401, PLC0415 - an extra, as gpiozero
            finally:
                del os.environ["LG_WD"]
                os.fchdir(before)
    finally:
        os.close(before)
