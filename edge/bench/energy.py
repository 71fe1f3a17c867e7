"""The energy that the board uses, where that can be read.

Intel and AMD count joules; Jetson and Raspberry Pi 5 measure their rails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SAMPLE_EVERY = 0.25  # seconds between two readings of the rails
COMMAND_TIMEOUT = 2.0  # seconds
RAIL = re.compile(r"^\s*(\w+)_([AV]) (?:current|volt)\(\d+\)=([0-9.]+)[AV]\s*$", re.MULTILINE)


class EnergyMeter:
    """Reads what there is to read.

    Args:
        root: Where /sys is.
        vcgencmd: The command that asks the Raspberry Pi firmware; None to look for it on the PATH, "" for none.
    """

    def __init__(self, root: Path = Path("/"), vcgencmd: str | None = None) -> None:
        self._counters = sorted(root.glob("sys/class/powercap/*-rapl:[0-9]/energy_uj"))  # whole packages only
        self._hwmons = sorted(root.glob("sys/class/hwmon/hwmon*"))
        self._vcgencmd = (shutil.which("vcgencmd") or "") if vcgencmd is None else vcgencmd

    @property
    def available(self) -> bool:
        """Whether there is anything to read, and we may."""
        return self._joules() is not None or self.watts() is not None

    def per_call(self, work: Callable[[], object], calls: int) -> float | None:
        """Do some work over and over.

        Returns:
            Joules of one call, with everything else that the board does in this time; None where that cannot be read.
        """
        before, began = self._joules(), time.monotonic()
        watts: list[float] = []
        sampled = began - SAMPLE_EVERY
        for _ in range(calls):
            work()
            if before is None and time.monotonic() - sampled >= SAMPLE_EVERY:
                sampled = time.monotonic()
                watts += [now] if (now := self.watts()) is not None else []
        seconds, after = time.monotonic() - began, self._joules()
        if before is not None and after is not None:
            return round((after - before) / calls, 4) if after >= before else None  # else the counter began anew
        return round(sum(watts) / len(watts) * seconds / calls, 4) if watts else None

    def _joules(self) -> float | None:
        try:
            return sum(int(counter.read_text()) for counter in self._counters) / 1e6 if self._counters else None
        except (OSError, ValueError):  # since 2020 only root may read them
            return None

    def watts(self) -> float | None:
        """What the board uses just now; None when it does not tell."""
        for hwmon in self._hwmons:
            with suppress(OSError, ValueError):
                if (hwmon / "name").read_text().strip() == "ina3221":  # a Jetson; its first rail is the input
                    volts, amperes = ((hwmon / name).read_text() for name in ("in1_input", "curr1_input"))
                    return int(volts) * int(amperes) / 1e6
        return self._raspberry_watts() if self._vcgencmd else None

    def _raspberry_watts(self) -> float | None:
        """The rails behind the Raspberry Pi 5's power chip together; its input is not among them."""
        try:
            run = subprocess.run(
                [self._vcgencmd, "pmic_read_adc"],
                capture_output=True, timeout=COMMAND_TIMEOUT, check=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            self._vcgencmd = ""
            return None
        found = {
            (rail, unit): float(value) for rail, unit, value in RAIL.findall(run.stdout.decode("ascii", "replace"))
        }
        rails = [found[rail, "A"] * found[rail, "V"] for rail, unit in found if unit == "A" and (rail, "V") in found]
        return sum(rails) if rails else None
