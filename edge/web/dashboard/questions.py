"""Questions of pages that take a while: answered in few threads, with few that wait, for as long as somebody does.

Visitors take turns. Where there are several threads, neither one visitor nor long questions ever have all of them.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request

from edge.errors import EdgeError
from edge.text import Sentence
from edge.web.packed import Packed
from edge.web.visitors import visitor_of

T = TypeVar("T")
Work = Callable[[], T]

MOST_WAITING = 50
MOST_BYTES = 32_000_000  # of the answers that are kept
MOST_OF_ONE = 12  # that wait for one visitor: a page asks three at once, and a school may share one address


@dataclass(eq=False)
class _Question:
    """Asked once, by all who want the same.

    Attributes:
        prepare: Makes the work.
        key: Of the question.
        long: Whether it may take all but one of the threads, together with others like it.
        stamp: An answer is good for those alone who ask with the same one.
        turns: Of each visitor who waits for it, until it is begun; the least is the next.
        begun_for: Whose turn it was.
        answer: Of all who wait for it.
        waiting: How many times each visitor does.
        size: Bytes of the answer, once it is there.
        end: Throws it away once it is too old.
    """

    prepare: Callable[[], Work[Any]]
    key: Hashable
    stamp: Hashable
    long: bool = False
    turns: dict[Hashable, int] = field(default_factory=dict)
    begun_for: Hashable = None
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    waiting: Counter[Hashable] = field(default_factory=Counter)
    size: int = 0
    end: asyncio.TimerHandle | None = None

    @property
    def soonest(self) -> Hashable:
        """Whose turn it is first, of those who wait until it is begun."""
        return min(self.turns, key=lambda each: self.turns[each])


class Questions:
    """Answers them in turns, the oldest of each visitor first. Not thread-safe: it belongs to the event loop.

    A question goes before those that come after it, but for each other one that its visitor waits for it lets
    `MOST_WAITING` of these pass. So who asks much waits for itself, and new visitors, however many, pass nobody. Only
    what is begun lets a question grow older: asking and leaving makes nobody's turn come sooner.

    Args:
        threads: How many are answered at once.
        kept: How many answers are kept for those who ask the same, at most, and none that is too old.
        name: Of the threads.
    """

    def __init__(self, threads: int, kept: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads = threads
        self._most_kept = kept
        self._queue: list[_Question] = []
        self._begun = 0
        self._running: dict[asyncio.Future[Any], _Question] = {}
        self._kept: OrderedDict[Hashable, _Question] = OrderedDict()
        self._stopped = False

    async def ask(
        self,
        request: Request,
        prepare: Callable[[], Work[T]],
        key: Hashable,
        seconds: float,
        stamp: Hashable = None,
        *,
        long: bool = False,
    ) -> T:
        """Wait for an answer, as long as the visitor does.

        Args:
            request: Who asks. A question that all have left before it began is dropped.
            prepare: Called here, on the event loop, once it is its turn; what it returns is called in a thread.
            key: Of the question: who asks the same may get the same answer.
            seconds: For which a kept answer will do, since it was asked for.
            stamp: Only an answer with the same one will do.
            long: It takes many seconds, and never the last thread from those that do not.

        Raises:
            EdgeError: Too many wait, this visitor has left, or the server ends; or the work raised it.
        """
        question, asker = self._kept.get(key), _asker(request)
        if question is None or question.stamp != stamp or (question.answer.done() and question.answer.exception()):
            question = self._take(_Question(prepare, key, stamp, long), asker, seconds)
        elif question in self._queue:
            question.turns.setdefault(asker, self._turn(asker))
            self._begin()  # a thread may be free that those before may not have
        question.waiting[asker] += 1
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({question.answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            question.waiting[asker] -= 1
            if not question.waiting[asker]:
                question.turns.pop(asker, None)
            if not question.turns and question in self._queue:
                self._queue.remove(question)
                _fail(question, _left())
        if not question.answer.done():
            raise _left()
        return question.answer.result()  # type: ignore[no-any-return]

    def stop(self) -> None:
        """Begin nothing more; who still waits is told."""
        self._stopped = True
        for question in (*self._queue, *self._running.values()):
            _fail(question, _ends())
        for running in self._running:
            running.cancel()  # nobody is left to take its result
        self._queue.clear()
        for key in list(self._kept):
            self._throw_away(key)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, question: _Question, asker: Hashable, seconds: float) -> _Question:
        """Let it wait, and remember it. Raises EdgeError."""
        if self._stopped:
            raise _ends()
        question.turns[asker] = self._turn(asker)
        self._queue.append(question)
        self._begin()
        refused = self._too_many(question)
        if refused is not None:
            self._queue.remove(refused)
            if refused is question:
                raise _busy()
            _fail(refused, _busy())
        self._throw_away(question.key)
        self._kept[question.key] = question
        question.end = asyncio.get_running_loop().call_later(seconds, self._throw_away, question.key)
        self._keep_few()
        return question

    def _turn(self, asker: Hashable) -> int:
        """Of a question that comes now."""
        waiting = sum(asker in each.turns for each in self._queue)
        return self._begun + MOST_WAITING * (waiting + self._threads_of(asker))

    def _threads_of(self, asker: Hashable) -> int:
        return sum(each.begun_for == asker for each in self._running.values())

    def _too_many(self, newest: _Question) -> _Question | None:
        """Which question has to go, if any: where all places are taken, the newest of whoever has most."""
        waiting = Counter(each.soonest for each in self._queue)
        if newest in self._queue and waiting[newest.soonest] > MOST_OF_ONE:
            return newest
        if len(self._queue) <= MOST_WAITING:
            return None
        most = max(waiting.values())
        return next(each for each in reversed(self._queue) if waiting[each.soonest] == most)

    def _keep_few(self) -> None:
        """Throw away the oldest answers while there are too many, or too large ones."""
        while len(self._kept) > self._most_kept or sum(each.size for each in self._kept.values()) > MOST_BYTES:
            self._throw_away(next(iter(self._kept)))

    def _throw_away(self, key: Hashable) -> None:
        question = self._kept.pop(key, None)
        if question is not None and question.end is not None:
            question.end.cancel()  # else the timer would keep the answer

    def _begin(self) -> None:
        while len(self._running) < self._threads and not self._stopped:
            question = self._next()
            if question is None:
                return
            self._queue.remove(question)
            self._begun += 1
            try:
                work = question.prepare()
            except Exception as error:  # noqa: BLE001 - it is the answer
                _fail(question, error)
                continue
            running = asyncio.get_running_loop().run_in_executor(self._pool, work)
            self._running[running] = question
            running.add_done_callback(self._done)

    def _next(self) -> _Question | None:
        """Whose turn it is; None while all who wait have as many threads as one visitor, or long questions, may."""
        most = max(1, self._threads - 1)
        full = sum(each.long for each in self._running.values()) >= most
        ready = [
            (turn, asker, each)
            for each in self._queue
            for asker, turn in each.turns.items()
            if self._threads_of(asker) < most and not (each.long and full)
        ]
        if not ready:
            return None
        _, asker, question = min(ready, key=lambda each: each[0])
        question.begun_for = asker
        return question

    def _done(self, running: asyncio.Future[Any]) -> None:
        question = self._running.pop(running)
        if not running.cancelled():
            error = running.exception()
            if error is not None:
                _fail(question, error)
            elif not question.answer.done():
                question.answer.set_result(running.result())
                question.size = _size(running.result())
                self._keep_few()
        self._begin()


def _asker(request: Request) -> Hashable:
    """A token is one visitor, wherever it comes from; where all have the same, or none, a network is."""
    return visitor_of(request).name or _network(request.client.host if request.client else "")


def _network(host: str) -> Hashable:
    """What one subscriber has: an address of IPv4, or 2^64 of IPv6."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # as of a Unix socket
        return host
    if address.version == 4 or address.ipv4_mapped:
        return address
    return ipaddress.ip_network((int(address), 64), strict=False)


async def _gone(request: Request) -> None:
    """Return once nobody reads the answer any more."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _size(answer: object) -> int:
    """Bytes in memory; whatever is not packed is small."""
    return len(answer.data) if isinstance(answer, Packed) else 0


def _fail(question: _Question, error: BaseException) -> None:
    if not question.answer.done():
        question.answer.set_exception(error)
        question.answer.exception()  # seen: where nobody waits, nothing is to be logged


def _busy() -> EdgeError:
    return EdgeError(Sentence("Too many questions are waiting"), Sentence("ask again in a few seconds"))


def _left() -> EdgeError:
    return EdgeError("nobody waits for this answer any more")


def _ends() -> EdgeError:
    return EdgeError(Sentence("The server of this page ends"), Sentence("open the page again once it runs"))
