"""The course of a run: start everything, listen, kill the broker, listen again, count."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge.config.broker_url import BrokerUrl
from edge.errors import EdgeError
from edge.mqtt.client_factory import BrokerSettings
from tests.load.fleet.child import Child
from tests.load.fleet.counter import INTERVAL, Counter
from tests.load.fleet.figures import Latency, Process, Stored, compare, percentile
from tests.load.fleet.limits import CREW, raise_limit
from tests.load.fleet.plugin_broker import PluginBroker, client_id
from tests.load.fleet.recorder import Heard, Receipt, record
from tests.load.fleet.report import Plan, Report, Restart, Span
from tests.load.fleet.rooms import Crew, Look, outbox, play
from tests.load.fleet.school import HOST, PASSWORD

RETURN_SECONDS = 120.0  # that rooms may take to connect; two of their longest waits
SAY_EVERY = 10.0
NAP = 0.05  # seconds between two looks in peace


class Fleet:
    """All processes of a run.

    Args:
        plan: How many rooms, how long.
        folder: For the broker's files.
        outboxes: For those of the rooms. Each has a disk of its own; here they would all wait for the same.
        say: Told what happens.
    """

    def __init__(self, plan: Plan, folder: Path, outboxes: Path, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._outboxes = str(outboxes)
        self._say = say
        self._names = [f"room-{number:04}" for number in range(1, plan.rooms + 1)]
        self._broker = PluginBroker(folder / "broker", tls=plan.tls, more=[INTERVAL])
        self._recorder: Child | None = None
        self._crews: list[Child] = []

    def run(self) -> Report:
        """Do it all. Raises EdgeError for what is wrong with this machine."""
        load = os.getloadavg()[0]
        raise_limit(self._plan.rooms)
        try:
            self._start()
            half = self._plan.seconds / (2 if self._plan.restart else 1)
            spans, restart = [self._listen(half)], None
            if self._plan.restart:
                restart = self._kill_and_restart()
                spans.append(self._listen(half))
            receipts = self._finish()
        finally:
            for child in (*self._crews, self._recorder):
                if child is not None:
                    child.end()
            self._broker.kill()
        return self._report(receipts, spans, restart, load)

    def _start(self) -> None:
        self._broker.prepare()
        self._broker.start()
        self._broker.add_many(*self._names)
        for kind in ("recorder", "monitor"):
            self._broker.add(kind, kind)
        self._recorder = Child("recorder", record, self._settings("recorder"), "classroom/+/window")
        self._wait(lambda: self._heard().connected, "the recorder to subscribe")
        # Its session is on the broker's disk from here on, whenever the first snapshot would have been.
        self._signal(signal.SIGUSR1)
        plan, broker = self._plan, self._broker
        while (first := CREW * len(self._crews)) < plan.rooms:
            names = tuple(self._names[first : first + CREW])
            crew = Crew(names, broker.url, broker.ca, broker.password_file, self._outboxes, plan.window)
            self._crews.append(Child(f"{names[0]} to {names[-1]}", play, crew))
            # One after the other: that all come at once is what the restart is for.
            self._wait(lambda: self._look().connected == min(plan.rooms, CREW * len(self._crews)), "rooms to connect")
            self._say(f"{self._look().connected} rooms are connected")

    def _listen(self, seconds: float) -> Span:
        """In peace."""
        counter = Counter(self._settings("monitor"))
        counter.start()
        pid = self._broker_pid()
        before, rooms_before = Process.look(pid), self._look().cpu
        began, highest = time.time(), before.rss_mb
        late: list[float] = []
        deadline, say_at = time.monotonic() + seconds, time.monotonic()
        while (now := time.monotonic()) < deadline:
            if now >= say_at:
                say_at += SAY_EVERY
                self._say(f"listening, {deadline - now:.0f} s left: {self._heard().messages} windows so far")
            nap = min(NAP, deadline - now)
            time.sleep(nap)
            late.append(1000 * (time.monotonic() - now - nap))
            highest = max(highest, Process.look(pid).rss_mb)
        lasted = time.time() - began
        counter.stop()
        return Span(
            began, began + lasted,
            taken=counter.per_second("received"), given=counter.per_second("sent"),
            broker_cpu=(Process.look(pid).cpu - before.cpu) / lasted, broker_rss_mb=highest,
            rooms_cpu=(self._look().cpu - rooms_before) / lasted, latency=None, wakes_late_ms=percentile(late, 99),
        )  # fmt: skip

    def _kill_and_restart(self) -> Restart:
        killed_at = time.time()
        self._broker.kill()
        self._say(f"broker killed; it stays away for {self._plan.outage:g} s")
        time.sleep(self._plan.outage)
        self._broker.start()
        connected, caught_up = self._return_of_rooms(time.monotonic())
        return Restart(connected, caught_up, killed_at, time.time())

    def _return_of_rooms(self, since: float) -> tuple[float, float]:
        """Seconds until all are connected, and until no more windows wait than always do."""
        self._wait(lambda: self._look().connected == self._plan.rooms, "all rooms to be connected")
        connected = time.monotonic() - since
        self._say(f"all {self._plan.rooms} rooms are connected after {connected:.1f} s")
        # Some are under way at any moment: no more may wait than a second brings.
        usual = self._plan.rooms / self._plan.window
        self._wait(lambda: self._look().waiting <= usual, "the rooms to send what waits")
        return connected, time.monotonic() - since

    def _finish(self) -> list[Receipt]:
        """No more windows; wait for the last ones, end everything."""
        self._ask_crews("quiet")
        self._wait(lambda: self._look().waiting == 0, "the last windows to be sent")
        self._ask_crews("stop")
        assert self._recorder is not None
        count = -1
        # The broker has them all; what it has not passed on yet comes without a pause.
        while count != (count := self._heard().messages):
            time.sleep(1.0)
        self._recorder.tell("stop")
        receipts: list[Receipt] = self._recorder.answer()
        return receipts

    def _report(self, receipts: list[Receipt], spans: list[Span], restart: Restart | None, load: float) -> Report:
        def ended_in(began: float, ended: float) -> list[Receipt]:
            return [each for each in receipts if began <= each.ended < ended]

        stored = {name: Stored.read(outbox(self._outboxes, name)) for name in self._names}
        peace = [each for span in spans for each in ended_in(span.began, span.ended)]
        spans = [replace(span, latency=Latency.of(ended_in(span.began, span.ended))) for span in spans]
        return Report(
            plan=self._plan, cores=os.cpu_count() or 1, load_before=round(load, 2),
            comparison=compare(stored, receipts), steady=Latency.of(peace), spans=spans, restart=restart,
            disturbed=Latency.of(ended_in(restart.killed_at, restart.over_at)) if restart else None,
        )  # fmt: skip

    def _settings(self, user: str) -> BrokerSettings:
        url = BrokerUrl(HOST, self._broker.port, self._plan.tls)
        return BrokerSettings(url, client_id(user), user, PASSWORD, self._broker.ca)

    def _ask_crews(self, word: str) -> list[object]:
        for crew in self._crews:
            crew.tell(word)
        return [crew.answer() for crew in self._crews]

    def _look(self) -> Look:
        looks = [look for look in self._ask_crews("look") if isinstance(look, Look)]
        return Look(*(sum(figure) for figure in zip(*((x.connected, x.waiting, x.cpu) for x in looks), strict=True)))

    def _heard(self) -> Heard:
        assert self._recorder is not None
        self._recorder.tell("look")
        heard: Heard = self._recorder.answer()
        return heard

    def _broker_pid(self) -> int:
        assert self._broker.process is not None
        return self._broker.process.pid

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self._broker_pid(), number)

    @staticmethod
    def _wait(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + RETURN_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise EdgeError(f"waited {RETURN_SECONDS:g} s for {what}", "is this machine too busy for so many?")
            time.sleep(0.25)
