"""Commands over MQTT: what anybody sends to `cmd/<name>` becomes a checked request, and is always answered."""

from __future__ import annotations

import logging
import queue
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from edge.contract.commands import MAX_BYTES, REQUESTS, IntervalRequest, PauseRequest, Request
from edge.contract.payloads import Answer
from edge.contract.topics import Topics
from edge.errors import EdgeError
from edge.mqtt.properties import IncomingMessage
from edge.text import printable

logger = logging.getLogger(__name__)

MAX_WAITING = 100  # commands; whoever sends more at once than we can serve loses some
AT_A_TIME = 10  # served between two frames
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


class CommandQueue:
    """Takes messages in the network thread, serves them in the daemon's.

    Args:
        topics: The device's.
        reply: Sends an answer.
        reserved: First levels of topics in which nobody can ask for answers, besides the device's own prefix.
    """

    def __init__(self, topics: Topics, reply: Callable[[Reply], None], reserved: Iterable[str] = ()) -> None:
        self._ours = {topics.prefix, *reserved}
        self._topics = topics
        self._reply = reply
        self._waiting: queue.Queue[tuple[str, IncomingMessage]] = queue.Queue(MAX_WAITING)
        self._dropping = False

    def receive(self, incoming: IncomingMessage) -> bool:
        """Take a message; False if it is none of this device's commands."""
        name = incoming.topic.rpartition("/")[2]
        if incoming.topic != self._topics.command(name):
            return False
        try:
            self._waiting.put_nowait((name, incoming))
            self._dropping = False
        except queue.Full:
            if not self._dropping:  # once for a flood
                logger.warning("too many commands at once: some are dropped without an answer")
            self._dropping = True
        return True

    @property
    def waiting(self) -> bool:
        """Whether a command has not been served yet."""
        return not self._waiting.empty()

    def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out what waits, a few at a time, and answer each."""
        for _ in range(AT_A_TIME):
            try:
                name, incoming = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._reply(self._obey(name, incoming, handlers))

    def _obey(self, name: str, incoming: IncomingMessage, handlers: Mapping[str, Handler]) -> Reply:
        request, error = None, None
        try:
            request = parse(name, incoming)
            handlers[name](request)
            logger.info("command %s%s: done", name, f" by {request.by}" if request.by else "")
        except EdgeError as problem:
            error = str(problem)
            logger.warning("command %s: %s", _shown(name), error)
        answer = Answer(status="error" if error else "ok", error=error, id=request.id if request else None)
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
