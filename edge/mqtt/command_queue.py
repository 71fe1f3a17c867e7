"""Commands over MQTT: what anybody sends to `cmd/<name>` becomes a checked request, and is always answered."""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from edge.contract.commands import MAX_BYTES, REQUESTS, IntervalRequest, PauseRequest, Request
from edge.contract.payloads import Answer
from edge.contract.topics import Topics
from edge.errors import EdgeError
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.retained_probe import RetainedProbe
from edge.mqtt.urgency import Urgency, make_room
from edge.text import printable

logger = logging.getLogger(__name__)

URGENT = ("pause", "resume")  # never behind anything else, and never dropped for it
MAX_URGENT = 100  # of these
MAX_WAITING = 100  # others; whoever sends more at once than we can serve loses some
AT_A_TIME = 10  # served between two frames, of urgent ones and of others
LONGEST_NAME = 40  # characters of a command's name that may be a mistyped one
MOST_LINES = 30  # about commands in the log, a minute
DROP_LINE_SECONDS = 60.0  # between two lines about commands that are dropped
SUPERSEDED = "a pause came after it"
WAITED = "it was sent while this device was away, and somebody may have closed the camera since then; send it again"
WORDS = {"on": True, "off": False}


class CommandError(EdgeError):
    """A command that is refused or failed; the text is the answer."""


Handler = Callable[[Request], None]


@dataclass(frozen=True)
class Reply:
    """An answer on its way: topic, payload, the correlation data of the command."""

    topic: str
    payload: bytes
    correlation: bytes | None


def parse(name: str, incoming: IncomingMessage) -> Request:
    """Check a command.

    Args:
        name: The last level of its topic.
        incoming: The message.

    Raises:
        CommandError: It is retained, too long, unknown, or not what the command takes; says what is allowed.
    """
    if name not in REQUESTS:
        raise CommandError(f"there is no such command; there are {', '.join(REQUESTS)}")
    if incoming.retained:
        raise CommandError("a retained command would be given again at every start; send it without the retain flag")
    if len(incoming.payload) > MAX_BYTES:
        raise CommandError(f"{len(incoming.payload)} bytes are too many; at most {MAX_BYTES}")
    model = REQUESTS[name]
    text = incoming.payload.strip()
    try:
        return model.model_validate_json(text) if text.startswith(b"{") else _bare(model, text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = _shown(".".join(map(str, first["loc"])))
        raise CommandError(f"{name}: {key + ': ' if key else ''}{first['msg']}") from None
    except ValueError:
        raise CommandError(f"{name}: send {_allowed(model)}") from None


def _bare(model: type[Request], text: bytes) -> Request:
    """A request from a bare word or number, as people type them; raises ValueError."""
    word = text.decode("ascii").lower()
    if model is PauseRequest and word in WORDS:
        return PauseRequest(pause=WORDS[word])
    if model is IntervalRequest and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", word):
        return IntervalRequest(seconds=float(word))
    if word or model is IntervalRequest:
        raise ValueError
    return model()


def _allowed(model: type[Request]) -> str:
    bare = "on, off or nothing" if model is PauseRequest else "nothing"
    bare = "a number of seconds" if model is IntervalRequest else bare
    return f"{bare}, or a JSON object with {', '.join(model.model_fields)}"


@dataclass(frozen=True, eq=False)  # the same words sent twice are two commands
class _Urgent:
    name: str
    incoming: IncomingMessage
    urgency: Urgency


def urgency_of(name: str, incoming: IncomingMessage) -> Urgency:
    """What becomes of a pause, if the command is obeyed."""
    if name not in URGENT:
        return Urgency.OTHER
    try:
        request = parse(name, incoming)
    except CommandError:
        return Urgency.REFUSED
    if isinstance(request, PauseRequest) and request.pause:
        return Urgency.CLOSES
    return Urgency.REFUSED if incoming.waited else Urgency.OPENS


class CommandQueue:
    """Takes messages in the network thread, serves them in the daemon's.

    Args:
        topics: The device's.
        reply: Sends an answer.
        reserved: First levels of topics in which nobody can ask for answers, besides the device's own prefix.
        probe: Finds out which commands are retained, where messages do not say it; None: they always do.
    """

    def __init__(
        self,
        topics: Topics,
        reply: Callable[[Reply], None],
        reserved: Iterable[str] = (),
        probe: RetainedProbe | None = None,
    ) -> None:
        self._probe = probe
        self._ours = {topics.prefix, *reserved}
        self._topics = topics
        self._reply = reply
        self._lock = threading.Lock()
        self._urgent: list[_Urgent] = []
        self._waiting: queue.Queue[tuple[str, IncomingMessage]] = queue.Queue(MAX_WAITING)
        self._drop_told = float("-inf")
        self._lines_from = 0.0
        self._lines = 0

    def receive(self, incoming: IncomingMessage) -> bool:
        """Take a message; False if it is none of this device's commands."""
        name = incoming.topic.rpartition("/")[2]
        if incoming.topic != self._topics.command(name):
            return False
        if incoming.retained and not incoming.payload:  # a retained message is cleared: no command
            return True
        if len(name) > LONGEST_NAME:  # nor would an answer below such a name be one: names are the sender's
            self._log(logging.WARNING, name, "there is no such command")
            return True
        # One byte too many is enough to refuse it.
        incoming = replace(incoming, payload=incoming.payload[: MAX_BYTES + 1])
        try:
            urgency = urgency_of(name, incoming)
            if self._probe is None or self._probe.receive(name, incoming, urgency):
                self._put(name, incoming, urgency)
        except queue.Full:
            self._report_drop()
        return True

    def _put(self, name: str, incoming: IncomingMessage, urgency: Urgency) -> None:
        if urgency is not Urgency.OTHER:
            with self._lock:
                if not make_room(self._urgent, urgency, MAX_URGENT, lambda one: one.urgency):
                    raise queue.Full
                self._urgent.append(_Urgent(name, incoming, urgency))
            return
        self._waiting.put_nowait((name, incoming))

    def _report_drop(self) -> None:
        now = time.monotonic()
        if now - self._drop_told >= DROP_LINE_SECONDS:
            self._drop_told = now
            logger.warning("too many commands at once: some are dropped without an answer")

    @property
    def waiting(self) -> bool:
        """Whether a command has not been served yet."""
        return bool(self._urgent) or not self._waiting.empty() or bool(self._probe)

    def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out what waits, pauses first and the rest a few at a time, and answer each."""
        for name, incoming in self._probe.release() if self._probe is not None else ():
            try:
                self._put(name, incoming, urgency_of(name, incoming))
            except queue.Full:
                self._report_drop()
        for _ in range(AT_A_TIME):
            self._serve_urgent(handlers)
            try:
                name, incoming = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._reply(self._obey(name, incoming, handlers))
        self._serve_urgent(handlers)

    def _serve_urgent(self, handlers: Mapping[str, Handler]) -> None:
        """Obey some of what came, in its order; where too much came, the last pause supersedes what was before it."""
        with self._lock:
            closing = [at for at, one in enumerate(self._urgent) if one.urgency is Urgency.CLOSES]
            many = len(self._urgent) > AT_A_TIME
            past = self._urgent[: closing[-1] + 1] if many and closing else self._urgent[:AT_A_TIME]
            del self._urgent[: len(past)]
        obeyed = [one for one in past if not many or not closing or one.urgency is Urgency.CLOSES][-AT_A_TIME:]
        for one in past:
            if one in obeyed:
                self._reply(self._obey(one.name, one.incoming, handlers))
            else:
                self._reply(self._answer(one.name, one.incoming, SUPERSEDED, None))

    def _obey(self, name: str, incoming: IncomingMessage, handlers: Mapping[str, Handler]) -> Reply:
        request, error = None, None
        try:
            request = parse(name, incoming)
            # A pause holds whenever it was sent; what ends one was said of a pause that its sender knew of.
            if incoming.waited and urgency_of(name, incoming) is Urgency.REFUSED:
                raise CommandError(WAITED)
            handlers[name](request)
            self._log(logging.INFO, name, f"{f'by {request.by}, ' if request.by else ''}done")
        except EdgeError as problem:
            error = str(problem)
            self._log(logging.WARNING, name, error)
        return self._answer(name, incoming, error, request.id if request else None)

    def _log(self, level: int, name: str, text: str) -> None:
        """In the daemon's thread or in the network's: at worst a line too many."""
        now = time.monotonic()
        if now - self._lines_from >= 60:
            self._lines_from, self._lines = now, 0
        self._lines += 1
        if self._lines <= MOST_LINES:
            logger.log(level, "command %s: %s", _shown(name), text)
        elif self._lines == MOST_LINES + 1:
            logger.warning("more than %d commands in a minute: the next ones are not logged", MOST_LINES)

    def _answer(self, name: str, incoming: IncomingMessage, error: str | None, identity: str | int | None) -> Reply:
        answer = Answer(status="error" if error else "ok", error=error, id=identity)
        return Reply(self._where(name, incoming.response_topic), answer.to_json(), incoming.correlation)

    def _where(self, name: str, wanted: str | None) -> str:
        # Whoever may only give commands must not speak with our rights: as another device, as this one in other
        # topics, as Home Assistant, or in the broker's own name. An inbox of their own, or a response topic, is theirs.
        if wanted is None or wanted.startswith("$") or re.search(r"(^|/)cmd/[^/]*$", wanted):
            return self._topics.response(name)
        first, last = wanted.partition("/")[0], wanted.rpartition("/")[2]
        if first in self._ours and last != "response":
            return self._topics.response(name)
        return wanted


def _shown(name: str) -> str:
    """A name that anybody may have sent, fit for a log."""
    return printable(name, 40)
