"""What the board reports about itself: temperature, throttling, supply, load, disk. Never a guess: null."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMAND_TIMEOUT = 2.0  # seconds
COMMAND_TRIES = 3  # failures in a row after which a command is given up: not allowed here, or not the right board
POSSIBLE = (-40.0, 150.0)  # degrees Celsius; some zones report a constant or garbage

UNDER_VOLTAGE = 1 << 0  # the Raspberry Pi firmware's bits for this moment; 16 bits higher: since the start
SLOWED = 1 << 1 | 1 << 2 | 1 << 3  # frequency capped, throttled, soft temperature limit

# The processor's own zone by its type, best first: zone 0 may be a battery, a power chip or the wireless card.
ZONES = ("cpu", "x86_pkg_temp", "soc|tj")


@dataclass(frozen=True)
class Readings:
    """One reading of the board; None where it reports nothing.

    Attributes:
        temperature_c: Of the processor, degrees Celsius.
        throttled_bits: The Raspberry Pi firmware's bits.
        slowed: Whether the board slows its processor down now, to cool or to save power.
        under_voltage: Whether the power supply is too weak now.
        load: Processes that want to run, per core, over the last minute.
        disk_free_mb: Free on the disk of the outbox, 10^6 bytes.
    """

    temperature_c: float | None = None
    throttled_bits: int | None = None
    slowed: bool | None = None
    under_voltage: bool | None = None
    load: float | None = None
    disk_free_mb: float | None = None


class Board:
    """Reads the board that we run on.

    Args:
        root: Where /sys and /proc are.
        vcgencmd: The command that asks the Raspberry Pi firmware; None to look for it on the PATH, "" for none.
    """

    def __init__(self, root: Path = Path("/"), vcgencmd: str | None = None) -> None:
        self._sys = root / "sys"
        self._loadavg = root / "proc/loadavg"
        self._vcgencmd = (shutil.which("vcgencmd") or "") if vcgencmd is None else vcgencmd
        self._failures = 0
        self._asked: float | None = None  # when the firmware was asked last
        self._bits: int | None = None

    def read(self, now: float, disk: Path, ask_every: float) -> Readings:
        """Read everything; takes a few milliseconds, with the firmware's command some more.

        Args:
            now: Monotonic seconds.
            disk: A file or folder on the disk of interest; it need not exist yet.
            ask_every: Seconds between two runs of the firmware's command; in between its last answer counts.
        """
        if self._asked is None or now - self._asked >= ask_every or not self._vcgencmd:
            self._asked = now
            self._bits = self._throttled_bits()
        return Readings(
            temperature_c=self._temperature(),
            throttled_bits=self._bits,
            slowed=self._slowed(self._bits),
            under_voltage=self._under_voltage(self._bits),
            load=self._load(),
            disk_free_mb=_free(disk),
        )

    def _temperature(self) -> float | None:
        zones = [(zone, _text(zone / "type").lower()) for zone in self._found("class/thermal/thermal_zone*")]
        for kind in ZONES:
            found = [_number(zone / "temp", 10) for zone, name in zones if re.search(kind, name)]
            possible = [n / 1000 for n in found if n is not None and POSSIBLE[0] <= n / 1000 <= POSSIBLE[1]]
            if possible:
                return round(max(possible), 1)
        return None

    def _throttled_bits(self) -> int | None:
        # The command comes first: the file is gone since Linux 6.12, and up to then reading it put a warning with a
        # stack trace into the kernel's log.
        if self._vcgencmd:
            try:
                run = subprocess.run(
                    [self._vcgencmd, "get_throttled"],
                    capture_output=True,
                    timeout=COMMAND_TIMEOUT,
                    check=True,
                    stdin=subprocess.DEVNULL,
                )
                bits = int(run.stdout.decode("ascii").strip().removeprefix("throttled="), 16)
            except (OSError, ValueError, subprocess.SubprocessError):
                self._failures += 1
                if self._failures >= COMMAND_TRIES:
                    self._vcgencmd = ""
            else:
                self._failures = 0
                return bits
        # Raspberry Pi 4 and older: soc/soc:firmware; 5: soc@107c000000/soc@107c000000:firmware.
        files = self._found("devices/platform/soc*/soc*:firmware/get_throttled")
        return next(_numbers(iter(files), 16), None)

    def _slowed(self, bits: int | None) -> bool | None:
        if bits is not None:
            return bool(bits & SLOWED)
        # A Jetson reports it as cooling devices: cpu-throttle-alert, gpu-throttle-alert and more.
        alerts = [
            device / "cur_state"
            for device in self._found("class/thermal/cooling_device*")
            if _text(device / "type").endswith("-throttle-alert")
        ]
        states = list(_numbers(iter(alerts), 10))
        return any(states) if states else None

    def _under_voltage(self, bits: int | None) -> bool | None:
        # The kernel's own watch on the Raspberry Pi's supply: every user may read it, and it is never older than 2 s.
        drivers = (d for d in self._found("class/hwmon/hwmon*") if _text(d / "name") == "rpi_volt")
        alarm = next(_numbers((driver / "in0_lcrit_alarm" for driver in drivers), 10), None)
        if alarm is not None:
            return bool(alarm)
        return None if bits is None else bool(bits & UNDER_VOLTAGE)

    def _found(self, pattern: str) -> list[Path]:
        """The kernel's files of that name; none where no file descriptor is left to look."""
        try:
            return list(self._sys.glob(pattern))
        except OSError:
            return []

    def _load(self) -> float | None:
        try:
            return round(float(_text(self._loadavg).split()[0]) / (os.cpu_count() or 1), 2)
        except (IndexError, ValueError):
            return None


def _text(file: Path) -> str:
    """What a small file of the kernel says, "" when it does not."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path, base: int) -> int | None:
    try:
        return int(_text(file), base)
    except ValueError:
        return None


def _numbers(files: Iterator[Path], base: int) -> Iterator[int]:
    return (number for number in (_number(file, base) for file in files) if number is not None)


def _free(disk: Path) -> float | None:
    for place in (disk, *disk.parents):
        try:
            return round(shutil.disk_usage(place).free / 1e6, 1)
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
