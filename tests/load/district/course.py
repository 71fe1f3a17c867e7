"""The course of a run: start everything, listen in peace, one fault after the other, count."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from edge.errors import EdgeError
from tests.load.district import faults
from tests.load.district.database import NAME, Database
from tests.load.district.recorders import RecorderProcess
from tests.load.district.report import Blow, Peace, Plan, Report
from tests.load.district.rooms import Look, School, connections, play
from tests.load.fleet.child import Child
from tests.load.fleet.figures import Process
from tests.load.fleet.plugin_broker import PluginBroker, client_id
from tests.load.fleet.school import DISTRICT_LINE, HOST, PASSWORD

SMALL_DISK_MB = 3000
PATIENCE = 30.0  # seconds without anything new, after which what has not come is lost
LONGEST = 600.0  # seconds to catch up
REST = 5.0  # seconds between faults: what still waits at a broker that is killed is lost
SAY_EVERY = 10.0


class District:
    """All processes of a run.

    Args:
        plan: What is to be done.
        folder: For the broker's files and the recorders' logs.
        say: Told what happens.
    """

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        names = ["school-1" if plan.share else f"school-{number}" for number in range(1, plan.recorders + 1)]
        self._broker = PluginBroker(folder / "broker", tls=plan.tls, more=[DISTRICT_LINE])
        self._database = Database()
        self._recorders = [
            RecorderProcess(f"recorder-{number}", folder, self._arguments(name, number))
            for number, name in enumerate(names, 1)
        ]
        self._names = names
        self._schools: list[Child] = []
        self._lost = 0

    def run(self) -> Report:
        """Do it all. Raises EdgeError for what is wrong with this machine."""
        load = os.getloadavg()[0]
        try:
            self._start()
            peace = self._listen()
            blows = [self._strike(fault) for fault in self._faults()]
            given = self._finish()
            problems = self._database.problems(given)
            windows = sum(sum(rooms.values()) for rooms in given.values())
            sizes = self._database.bytes_per_window()
            for recorder in self._recorders:
                for line in recorder.warnings()[-5:]:
                    self._say(line)
        finally:
            for child in self._schools:
                child.end()
            for recorder in self._recorders:
                recorder.kill()
            self._broker.kill()
            self._database.remove()
        return Report(self._plan, round(load, 2), peace, blows, windows, sizes, problems)

    def _arguments(self, school: str, number: int) -> list[str]:
        """Of a recorder: those that share their school have one client id and a number that they find out."""
        broker, user = self._broker, "recorder" if self._plan.share else f"recorder-{number}"
        settings = [f"mqtt.username={user}", f"mqtt.password_file={broker.password_file}"]
        if broker.ca:
            settings.append(f"mqtt.ca_file={broker.ca}")
        return [
            "--database", self._database.server.url(NAME), "--school", school, "--prefix", school,
            *(("--share", "district", "--recorders", str(self._plan.recorders)) if self._plan.share else ()),
            "--client-id", client_id(user), "--broker", broker.url,
            *(part for each in settings for part in ("--set", each)),
        ]  # fmt: skip

    def _start(self) -> None:
        self._database.start(SMALL_DISK_MB if "disk" in self._plan.faults else 0)
        self._broker.prepare()
        self._broker.start()
        schools = self._schools_to_play()
        self._add_users(schools)
        for recorder in self._recorders:
            recorder.start()
        assert self._broker.process is not None
        # Their sessions are on the broker's disk from here on, as they are five minutes after anybody's first start.
        os.kill(self._broker.process.pid, signal.SIGUSR1)
        self._schools.extend(Child(school.name, play, school) for school in schools)
        while not self._look().connected:
            time.sleep(0.1)
        self._ask("go")
        self._say(f"{self._plan.rooms} rooms send")
        time.sleep(self._plan.settle + self._plan.window)

    def _schools_to_play(self) -> list[School]:
        broker, (each, more) = self._broker, divmod(self._plan.rooms, len(self._names))
        return [
            School(
                name, 1 + number * (each + 1), each + (number < more), self._plan.window, HOST, broker.port,
                broker.ca, PASSWORD,
            )
            for number, name in enumerate(self._names)
        ]  # fmt: skip

    def _add_users(self, schools: list[School]) -> None:
        """Each school has the rights of its bridge, and some more connections."""
        for name in sorted({school.name for school in schools}):
            self._broker.add("school", name)
        for school in schools:
            for user in connections(school):
                self._broker.add_connection(user, school.name)
        numbers = range(1, len(self._recorders) + 1)
        if self._plan.share:
            self._broker.add("recorder", "recorder", prefix="+")
        for number in numbers:
            kind = "share-recorder" if self._plan.share else "recorder"
            self._broker.add(kind, f"recorder-{number}", prefix="+")

    def _listen(self) -> Peace:
        before, used = time.time(), self._used()
        began, late, say_at = time.monotonic(), 0.0, 0.0
        while (now := time.monotonic()) < began + 60 * self._plan.minutes:
            look = self._look()
            late = max(late, look.late)
            if now >= say_at:
                say_at = now + SAY_EVERY
                self._say(f"in peace: {look.sent} windows sent, {look.sent - self._database.stored()} not yet a row")
            time.sleep(1.0)
        after, more = time.time(), self._used()
        lasted = after - before
        largest = max(each.look().rss_mb for each in self._recorders)
        time.sleep(3.0)  # for the last of them
        *recorders, database, broker = [(y - x) / lasted for x, y in zip(used, more, strict=True)]
        latency = self._database.latency(before, after)
        return Peace(lasted, latency, recorders, largest, database, broker, late)

    def _used(self) -> list[float]:
        assert self._broker.process is not None
        recorders = [each.look().cpu for each in self._recorders]
        return [*recorders, self._database.cpu(), Process.look(self._broker.process.pid).cpu]

    def _faults(self) -> list[faults.Fault]:
        plan = self._plan
        return [
            fault
            for name in plan.faults
            for fault in faults.make(name, plan.outage, plan.away, self._database, self._broker, self._recorders)
        ]

    def _strike(self, fault: faults.Fault) -> Blow:
        fault.begin()
        self._say(f"{fault.name}, for {fault.seconds:g} s")
        time.sleep(fault.seconds)
        fault.end()
        began = time.monotonic()
        waiting = self._behind()
        lost = self._catch_up()
        took = time.monotonic() - began - (PATIENCE if lost else 0)
        self._say(f"{waiting} windows waited, all there after {took:.1f} s" + (f", {lost} LOST" if lost else ""))
        time.sleep(min(REST, self._plan.settle))
        return Blow(fault.name, waiting, took, lost)

    def _catch_up(self) -> int:
        """Wait until no more windows wait than always do; how many do not come any more."""
        usual = 1.5 * self._plan.rooms / self._plan.window
        least, least_at, deadline = self._behind(), time.monotonic(), time.monotonic() + LONGEST
        while (behind := self._behind()) > usual:
            now = time.monotonic()
            if behind < least:
                least, least_at = behind, now
            if now > least_at + PATIENCE:
                self._lost += least
                return least
            if now > deadline:
                raise EdgeError(f"{behind} windows still wait after {LONGEST:g} s", "is this machine too slow?")
            time.sleep(0.25)
        return 0

    def _behind(self) -> int:
        return self._look().sent - self._database.stored() - self._lost

    def _finish(self) -> dict[str, dict[str, int]]:
        """No more windows; what was sent, once it is there."""
        self._ask("quiet")
        deadline = time.monotonic() + PATIENCE
        while (self._look().waiting or self._behind() > 0) and time.monotonic() < deadline:
            time.sleep(0.25)
        given: dict[str, dict[str, int]] = {}
        for name, numbers in zip(self._names, self._ask("stop"), strict=True):
            given.setdefault(name, {}).update(numbers)
        return given

    def _ask(self, word: str) -> list[dict[str, int]]:
        for school in self._schools:
            school.tell(word)
        return [school.answer() for school in self._schools]

    def _look(self) -> Look:
        for school in self._schools:
            school.tell("look")
        looks: list[Look] = [school.answer() for school in self._schools]
        return Look(
            sum(each.sent for each in looks), sum(each.waiting for each in looks), max(each.late for each in looks),
            all(each.connected for each in looks),
        )  # fmt: skip
