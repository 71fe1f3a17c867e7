"""What the operating system wants of the daemon, as events."""

from __future__ import annotations

import functools
import queue
import signal
import sys
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Signals:
    """The end (publish what there is, and return), or the configuration read again."""

    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)

    def install(self) -> None:
        """Listen to SIGTERM, SIGINT and SIGHUP from now on. SIGUSR1 and SIGUSR2 mean nothing, and so do nothing."""
        # A terminal that is closed means the end; without one, SIGHUP asks a daemon to read its files again.
        hangup = self.stop if sys.stdin is not None and sys.stdin.isatty() else self.reload
        # A handler may interrupt anything, itself too: all it can do safely is to put into a queue made for that. The
        # main thread may hold an event's lock at this very moment, and starting a thread takes locks as well.
        events: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()
        for number, event in ((signal.SIGTERM, self.stop), (signal.SIGINT, self.stop), (signal.SIGHUP, hangup)):
            # nohup is respected; a SIGINT that a shell ignores for its background jobs still means us when it comes.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, functools.partial(_enqueue, events, event))
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            # They would end us without a goodbye. What is ignored would be so in programs that we start, too.
            signal.signal(number, lambda _number, _frame: None)
        threading.Thread(target=_set_events, args=(events,), name="signals", daemon=True).start()


def _enqueue(events: queue.SimpleQueue[threading.Event], event: threading.Event, _number: int, _frame: object) -> None:
    events.put(event)


def _set_events(events: queue.SimpleQueue[threading.Event]) -> None:
    while True:
        events.get().set()
