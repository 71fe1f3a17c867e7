"""What the operating system wants of the daemon, as events."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Signals:
    """The end (publish what there is, and return), or the configuration read again."""

    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)

    def install(self) -> None:
        """Listen to SIGTERM, SIGINT and SIGHUP from now on."""
        # A terminal that is closed means the end; without one, SIGHUP asks a daemon to read its files again.
        hangup = self.stop if sys.stdin is not None and sys.stdin.isatty() else self.reload
        for number, event in ((signal.SIGTERM, self.stop), (signal.SIGINT, self.stop), (signal.SIGHUP, hangup)):
            # nohup is respected; a SIGINT that a shell ignores for its background jobs still means us when it comes.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _setter(event))


def _setter(event: threading.Event) -> Callable[[int, object], None]:
    # Not set in the handler itself: the main thread may hold the event's lock at this very moment.
    return lambda _number, _frame: threading.Thread(target=event.set, daemon=True).start()
