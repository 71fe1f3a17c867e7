"""From the broker into the file: a message is acknowledged when it is on the disk, and not before."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from edge.contract.machine_messages import MachineInfo
from edge.contract.payloads import WindowPayload
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.files.disk_errors import DiskError
from edge.recording.allowance import FULLY_KNOWN, MOST_DEVICES, Allowance
from edge.recording.device_reports import report_missing, report_more_missing, report_places, report_refused
from edge.recording.failing_report import FailingReport, pause
from edge.recording.missing_windows import MissingWindows
from edge.recording.place_changes import PlaceChanges
from edge.recording.recordable import bytes_of, check_prefix, device_of, examine
from edge.recording.retention import KEEP_ALL, Retention
from edge.recording.session import Delivery, Session
from edge.recording.tidying import Tidying
from edge.recording.window_row import DamagedError
from edge.recording.window_store import UnstorableError, WindowStore
from edge.text import printable

logger = logging.getLogger(__name__)

TICK = 0.5  # seconds
MOST_WAITING = 2000  # messages in memory while it cannot be written
MOST_WAITING_BYTES = 16 * 1024 * 1024  # of their payloads
TIDY_EVERY = 3600.0  # seconds
LOOK_EVERY = 10.0  # seconds between two looks at who reads, about
MOST_REPORTED = 3  # schemas of a device


class Recorder:
    """Stores what a session brings.

    Args:
        session: Where messages come from.
        database: Where they go.
        prefix: The first level of the topics.
        devices: Whose, or `+` for all.
        retention: How long what is in the file is kept; None: another recorder sees to that, and to what is missing.
        wanted: Which messages are looked at; the others are acknowledged, because another recorder gets them, so that
            nobody can tell here which windows never came. None: all.
        now: Where the time of day comes from.
    """

    def __init__(
        self,
        session: Session,
        database: WindowStore,
        prefix: str,
        devices: Sequence[str],
        *,
        retention: Retention | None = KEEP_ALL,
        wanted: Callable[[Delivery], bool] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._session = session
        self._database = database
        self._prefix = prefix
        self._devices = devices
        self._tidying = None if retention is None else Tidying(database, retention, now)
        self._wanted = wanted
        self._now = now
        self._waiting: list[Delivery] = []  # not acknowledged yet, without their payloads
        self._windows: list[DeviceMessage] = []  # of those, what is to be stored
        self._words: list[DeviceMessage] = []  # and what else is
        self._words_since = datetime.min.replace(tzinfo=timezone.utc)  # when the first of those came
        self._waiting_bytes = 0
        self._overflow = False  # something was left at the broker because too much waits here
        self._retry_at = 0.0  # monotonic
        self._tidy_at = 0.0
        self._look_at = 0.0
        self._not_before = datetime.min.replace(tzinfo=timezone.utc)
        self._damaged = False  # what is stored could not be tidied, which was said
        self._looked = False  # what the file has was looked at
        self._forgetful = False  # it was opened anew, and may be an older one now: what is retained is to come again
        self._known = False  # the file had windows at the start, or the broker knows us
        self.stored = 0
        """Windows stored in this run."""
        self.invalid = 0
        """Messages that were not valid."""
        self.handled = 0
        """Messages that were acknowledged: stored, known already, or not to be stored."""
        self.newer = 0
        """Windows in a newer schema, which are stored as they came."""
        self._allowance = Allowance(report_refused)
        self._place_changes = PlaceChanges(report_places)
        self._missing = (
            MissingWindows(report_missing, report_more_missing) if retention is not None and wanted is None else None
        )
        self._newer_reported: dict[str, set[str]] = {}
        self._failing_report = FailingReport()
        self.failing = False
        """Whether the file cannot be written at the moment."""

    @property
    def waiting(self) -> int:
        """Messages that came and are not stored yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Open the file. Raises ConfigError; a disk that may work again later is waited for."""
        self._store()

    @property
    def refused(self) -> int:
        """Messages that were turned away because their device, or all new ones together, sent too many."""
        return self._allowance.refused + self._place_changes.refused

    @property
    def crowded_out(self) -> int:
        """Of them, those of new devices that did nothing wrong by themselves."""
        return self._allowance.crowded_out

    def step(self, seconds: float = TICK) -> None:
        """Work for so many seconds.

        Raises:
            ConfigError: The file is damaged, or the session is another recorder's; nothing that was not stored is
                acknowledged.
            RefusedError: The broker refused us from the first.
        """
        for delivery in self._session.poll(seconds):
            self._take(delivery)
        if self._session.forgotten:
            self._session.forgotten = False
            if self._tidying is not None and (self._known or self.stored):  # else another recorder gets them
                logger.warning("the broker lost the session: windows sent meanwhile may be missing")
            self._known = True
        now = time.monotonic()
        if self._missing is not None:
            self._missing.look(now)
        if now >= self._retry_at and (self._waiting or self.failing):
            self._store()
        if self._tidying is not None and now >= self._look_at and self._database.is_open:
            self._look_at = now + LOOK_EVERY * random.uniform(0.5, 1.5)  # noqa: S311 - nobody is to hide from it
            self._end_long_readers()
        if self._tidying is not None and now >= self._tidy_at and self._database.is_open:
            more = self._tidy(self._tidying)
            # Whatever a room has stored to be tidied takes a tenth of the time at most.
            rest = max(TICK, 9 * (time.monotonic() - now))
            self._tidy_at = time.monotonic() + (rest if more else TIDY_EVERY)

    def _take(self, delivery: Delivery) -> None:
        if len(self._waiting) >= MOST_WAITING or self._waiting_bytes >= MOST_WAITING_BYTES:
            self._overflow = True
            return
        check_prefix(self._prefix, delivery.topic)
        self._waiting_bytes += len(delivery.payload)
        # The message keeps what is stored of the payload; what was left out is acknowledged, or it would come for ever.
        self._waiting.append(delivery._replace(payload=b""))
        message = self._read(delivery)
        if message is not None and isinstance(message.content, WindowPayload):
            self._windows.append(message)
        elif message is not None:
            if not self._words:
                self._words_since = self._now()
            self._words.append(message)

    def _read(self, delivery: Delivery) -> DeviceMessage | None:
        """What is to be stored of a delivery, if anything."""
        if self._wanted is not None and not self._wanted(delivery):
            return None
        device = device_of(self._prefix, delivery.topic)
        if device is not None and self._devices != ["+"] and device not in self._devices:
            return None  # a subscription of an earlier run
        if device is not None and not self._allowance.admits(device, bytes_of(delivery), time.monotonic()):
            return None
        try:
            message = examine(self._prefix, delivery)
        except ValueError:  # pydantic's error is one
            self._leave_out(f"an invalid message on {printable(delivery.topic)}")
            return None
        if message is not None and isinstance(message.content, MachineInfo):
            admitted = self._place_changes.admits(message.device, message.content, time.monotonic())
            return message if admitted else None
        return message

    def _leave_out(self, what: str) -> None:
        if self.invalid == 0:
            logger.warning("%s was left out; more are only counted", what)
        self.invalid += 1

    def _store(self) -> None:
        waited = len(self._windows) + len(self._words)
        try:
            if not self._database.is_open:
                self._database.start()
                self._forgetful = self._looked
            if not self._looked:
                self._known = self._database.has_windows()
                kept = self._database.retention_time(self._now())
                self._not_before = kept.time if kept else self._not_before
                self._allowance.know(self._database.windows_of_devices(MOST_DEVICES, FULLY_KNOWN))
                self._looked = True
            self._database.check_room()  # also where nothing waits: the start says it, and what failed stays so
            # Windows first and by themselves: whatever else a room sends does not hold up those of the others.
            self._store_windows()
            self._store_words()
        except DiskError as error:
            self._fail(error)
            return
        self.failing = False
        self._failing_report.over(waited)
        if self._forgetful:
            self._forgetful = False
            self._session.ask_again()
        self.handled += len(self._waiting)
        self._session.acknowledge(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._overflow:
            self._overflow = False
            self._session.reset()

    def _store_windows(self) -> None:
        """Store the windows that wait; they are acknowledged with the rest, in the order in which all came."""
        new, windows = self._store_all(self._windows)
        for each in windows:
            if isinstance(each.content, WindowPayload) and self._missing is not None:
                start = each.content.window.start if each.content.quality.clock_synced else ""
                self._missing.record(each.device, each.content.epoch, each.content.seq, time.monotonic(), start)
        self.stored += new
        self._windows.clear()

    def _store_words(self) -> None:
        """Store what else waits."""
        _, words = self._store_all(self._words)
        for each in words:
            if isinstance(each.content, NewerWindow):
                self._report_newer(each.device, each.content.schema)
        self._words.clear()

    def _store_all(self, messages: Sequence[DeviceMessage]) -> tuple[int, Sequence[DeviceMessage]]:
        """Store what can be: how many windows were new, and what is stored now. Raises ConfigError, DiskError."""
        if not messages:
            return 0, messages
        try:
            # A clock that is behind, as until it is set at the start, would have what comes now deleted as too old.
            return self._database.store(messages, self._now(), self._not_before, self._words_since), messages
        except UnstorableError:  # one message of one room does not end the recording of the others
            self._database.start()
            if len(messages) == 1:
                self._leave_out(f"a message of {messages[0].device} cannot be stored and")
                return 0, ()
        middle = len(messages) // 2
        first, second = self._store_all(messages[:middle]), self._store_all(messages[middle:])
        return first[0] + second[0], [*first[1], *second[1]]

    def _report_newer(self, device: str, schema: str) -> None:
        self.newer += 1
        reported = self._newer_reported.setdefault(device, set()) if self._more_reports_of(device) else {schema}
        if schema not in reported and len(reported) < MOST_REPORTED:
            reported.add(schema)
            logger.warning(
                "%s sends %s: a newer version of edge. Its windows are stored as they come (table newer_windows); "
                "upgrade this recorder to read them",
                device,
                schema,
            )

    def _more_reports_of(self, device: str) -> bool:
        return device in self._newer_reported or len(self._newer_reported) < MOST_DEVICES

    def _fail(self, error: DiskError) -> None:
        self._failing_report.say(error)
        self.failing = True
        self._retry_at = time.monotonic() + pause(error)

    def _end_long_readers(self) -> None:
        try:
            self._database.end_long_readers()
        except DiskError as error:
            self._fail(error)

    def _tidy(self, tidying: Tidying) -> bool:
        """Make some roll-ups that are still to be made, delete some of what is too old; whether there is more."""
        try:
            return tidying.step()[1]
        except DiskError as error:
            self._fail(error)
            return False
        except DamagedError as error:  # of one room: windows of all are stored all the same
            if not self._damaged:
                logger.warning("%s. What is stored is not tidied; trying again every hour", error)
            self._damaged = True
            self._store()  # opens it again
            return False
