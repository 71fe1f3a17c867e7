"""What C libraries write to stderr by themselves: each kind of line once an hour, and not one for every frame.

A webcam with stray bytes in its JPEGs makes libjpeg write a line for each of them, and nothing can tell it not to.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

REPEAT = 3600.0  # seconds until a kind of line is shown again
KINDS = 200  # that are told apart; beyond them a line is left out
LINE = 1000  # bytes: a longer one is cut


class LineLimiter:
    """Decides which lines are shown. Lines that differ only in their numbers are of one kind.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since = now()
        self._left_out: dict[str, int] = {}

    def pass_on(self, line: str) -> list[str]:
        """The lines to show now that `line` has come: itself, or none, and what was left out before."""
        shown: list[str] = []
        if self._now() - self._since >= REPEAT:
            shown = [f"({count} more lines like: {kind})" for kind, count in self._left_out.items() if count]
            self._since, self._left_out = self._now(), {}
        kind = re.sub(r"0x[0-9a-fA-F]+|\d+", "N", line)[:200]
        if kind in self._left_out:
            self._left_out[kind] += 1
        elif len(self._left_out) < KINDS:
            self._left_out[kind] = 0
            shown.append(line)
        return shown


def limit_native_stderr() -> TextIO:
    """From now on, what is written to file descriptor 2 passes a LineLimiter; Python's own stderr does not.

    Call it before logging is set up.

    Returns:
        The real stderr, which is `sys.stderr` now; for faulthandler.
    """
    sys.stderr.flush()
    real = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    reader, writer = os.pipe()
    os.dup2(writer, 2)
    os.close(writer)
    sys.stderr = real
    threading.Thread(target=_pass_on, args=(reader, real), name="native-stderr", daemon=True).start()
    return real


def _pass_on(reader: int, real: TextIO) -> None:
    limiter = LineLimiter()
    with os.fdopen(reader, "rb") as lines:
        while line := lines.readline(LINE):
            text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            # The daemon outlives whoever reads its stderr.
            with contextlib.suppress(OSError, ValueError):
                for shown in limiter.pass_on(text):
                    print(shown, file=real)
