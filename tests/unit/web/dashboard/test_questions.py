"""What takes a while: few wait, few of them for one visitor, and none for nobody."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request

from edge.errors import EdgeError
from edge.web.dashboard.questions import MOST_BYTES, MOST_OF_ONE, MOST_WAITING, Questions
from edge.web.packed import Packed
from edge.web.visitors import VISITOR, Visitor

Scene = Callable[["Bench"], Awaitable[None]]


class Bench:
    """Questions of which the first is not answered before `let_go`."""

    seconds = 60.0

    def __init__(self, threads: int = 1) -> None:
        self.questions = Questions(threads, 4, "test")
        self.prepared: list[object] = []
        self.worked: list[object] = []
        self.let_go = threading.Event()
        self.let_some_go: dict[object, threading.Event] = {}  # of questions that have one of their own
        self.asked: list[asyncio.Task[Any]] = []

    async def ask(
        self, key: object, address: str = "192.0.2.1", token: str = "", *, long: bool = False
    ) -> tuple[asyncio.Task[Any], asyncio.Event]:
        """Who asks, and what makes them leave."""
        leave = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await leave.wait()
            return {"type": "http.disconnect"}

        def prepare() -> Callable[[], object]:
            self.prepared.append(key)
            return partial(self._work, key)

        request = Request({"type": "http", "client": (address, 1), VISITOR: Visitor(token)}, receive)
        task = asyncio.ensure_future(self.questions.ask(request, prepare, key, self.seconds, long=long))
        self.asked.append(task)
        await asyncio.sleep(0)
        return task, leave

    def _work(self, key: object) -> object:
        self.let_some_go.get(key, self.let_go).wait(20)
        self.worked.append(key)
        return key


def play(scene: Scene, threads: int = 1) -> Bench:
    complaints: list[str] = []

    async def whole() -> Bench:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, told: complaints.append(told["message"]))
        bench = Bench(threads)
        try:
            await scene(bench)
        finally:
            bench.let_go.set()
            bench.questions.stop()
            await asyncio.gather(*bench.asked, return_exceptions=True)
        return bench

    bench = asyncio.run(whole())
    assert complaints == []
    return bench


def test_those_who_ask_the_same_are_answered_once_and_kept_answers_are_few() -> None:
    async def scene(bench: Bench) -> None:
        bench.let_go.set()
        twice = [(await bench.ask("a"))[0] for _ in range(3)]
        assert await asyncio.gather(*twice) == ["a"] * 3
        for key in "bcdea":
            assert await (await bench.ask(key))[0] == key

    assert play(scene).worked == ["a", "b", "c", "d", "e", "a"]


def test_what_everybody_has_left_is_never_begun() -> None:
    async def scene(bench: Bench) -> None:
        first, _ = await bench.ask("first")
        for number in range(3000):
            gone, leave = await bench.ask(number)
            leave.set()
            with pytest.raises(EdgeError):
                await gone
        shared = [await bench.ask("shared") for _ in range(2)]
        shared[0][1].set()
        next_one, _ = await bench.ask("next")
        bench.let_go.set()
        assert list(await asyncio.gather(first, shared[1][0], next_one)) == ["first", "shared", "next"]
        with pytest.raises(EdgeError):
            await shared[0][0]
        assert await (await bench.ask(7))[0] == 7  # who asks again is answered

    assert play(scene).worked == ["first", "shared", "next", 7]


def test_one_visitor_leaves_room_for_others_and_all_together_are_bounded() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ask("first")
        mine = [(await bench.ask(number))[0] for number in range(2 * MOST_OF_ONE)]
        with pytest.raises(EdgeError, match="Too many questions are waiting: ask again in a few seconds"):
            await mine[MOST_OF_ONE]
        assert sum(task.done() for task in mine) == MOST_OF_ONE
        others = [(await bench.ask(f"{number}", f"192.0.2.{number}"))[0] for number in range(2, 100)]
        assert sum(not task.done() for task in [*mine, *others]) == MOST_WAITING
        assert bench.prepared == ["first"]  # nothing is copied before its turn

    play(scene)


def test_visitors_take_turns() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ask("a1", "192.0.2.1")
        waiting = [(await bench.ask(key, "192.0.2.1"))[0] for key in ("a2", "a3", "a4")]
        waiting += [(await bench.ask(key, "192.0.2.2"))[0] for key in ("b1", "b2")]
        waiting.append((await bench.ask("c1", "192.0.2.3"))[0])
        bench.let_go.set()
        await asyncio.gather(*waiting)

    assert play(scene).worked == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


@pytest.mark.parametrize(
    ("token", "pattern"), [("frank", "192.0.2.{}"), ("frank", "2001:db8:{}::1"), ("", "2001:db8::{}")]
)
def test_one_visitor_from_many_addresses_is_one(token: str, pattern: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ask("a", pattern.format(200), token)
        tried = [(await bench.ask(number, pattern.format(number), token))[0] for number in range(1, 60)]
        assert sum(not each.done() for each in tried) == MOST_OF_ONE
        honest = (await bench.ask("b", "192.0.2.250", "grace" if token else ""))[0]
        bench.let_go.set()
        await asyncio.gather(honest, *tried, return_exceptions=True)

    assert play(scene).worked[:3] == ["a", "b", 1]


def test_new_visitors_pass_nobody_and_take_nobodys_place() -> None:
    async def scene(bench: Bench) -> None:
        bench.let_go.set()
        await (await bench.ask("before", "192.0.2.2"))[0]
        bench.let_go.clear()
        await bench.ask("first", "192.0.2.1")
        honest = [(await bench.ask("a", "192.0.2.2"))[0]]
        many = [(await bench.ask(f"n{number}", f"198.51.100.{number}"))[0] for number in range(200)]
        bench.let_go.set()
        await asyncio.gather(*honest, *many, return_exceptions=True)

    assert play(scene).worked[:4] == ["before", "first", "a", "n0"]


def test_asking_and_leaving_makes_ones_other_questions_no_older() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ask("first", "192.0.2.1")
        stay = [(await bench.ask(f"stay{number}", "192.0.2.1"))[0] for number in range(MOST_OF_ONE - 1)]
        for number in range(12 * MOST_WAITING):
            task, leave = await bench.ask(f"left{number}", "192.0.2.1")
            leave.set()
            await asyncio.gather(task, return_exceptions=True)
        honest = (await bench.ask("honest", "192.0.2.2"))[0]
        bench.let_go.set()
        await asyncio.gather(honest, *stay)

    assert play(scene).worked[:3] == ["first", "honest", "stay0"]


def test_who_asks_the_same_as_somebody_who_asks_much_does_not_wait_for_them() -> None:
    async def scene(bench: Bench) -> None:
        greedy = [(await bench.ask(key, "192.0.2.1"))[0] for key in ("first", "a", "b", "shared")]
        honest = (await bench.ask("shared", "192.0.2.2"))[0]
        fresh = [(await bench.ask(f"n{number}", f"198.51.100.{number}"))[0] for number in range(MOST_WAITING)]
        bench.let_go.set()
        assert await honest == "shared"
        await asyncio.gather(*greedy, *fresh, return_exceptions=True)

    assert play(scene).worked[:3] == ["first", "shared", "n0"]


@pytest.mark.parametrize("leaves", [True, False])
def test_who_asks_the_same_as_others_does_not_have_them_wait_for_its_own(leaves: bool) -> None:  # noqa: FBT001
    async def scene(bench: Bench) -> None:
        others = threading.Event()
        bench.let_some_go = dict.fromkeys(("other", *"abc"), others)
        await bench.ask("dear", "192.0.2.1")
        await bench.ask("other", "192.0.2.3")
        honest = [(await bench.ask(key, "192.0.2.2"))[0] for key in "abc"]
        for key in "cb":
            task, leave = await bench.ask(key, "192.0.2.1")
            if leaves:
                leave.set()
                await asyncio.gather(task, return_exceptions=True)
        others.set()
        await asyncio.wait_for(asyncio.gather(*honest), 10)
        assert bench.worked == ["other", *"abc"]

    play(scene, threads=2)


def test_a_thread_that_is_free_takes_a_question_once_somebody_joins_who_may_have_it() -> None:
    async def scene(bench: Bench) -> None:
        bench.let_some_go["shared"] = threading.Event()
        bench.let_some_go["shared"].set()
        await bench.ask("dear", "192.0.2.1")
        await bench.ask("shared", "192.0.2.1")  # waits: one visitor never has all threads
        assert bench.prepared == ["dear"]
        joined = (await bench.ask("shared", "192.0.2.2"))[0]
        assert await asyncio.wait_for(joined, 10) == "shared"

    play(scene, threads=2)


def test_where_all_places_are_taken_the_newest_of_whoever_has_most_goes() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ask("first")
        greedy = [
            (await bench.ask((address, number), f"192.0.2.{address}"))[0]
            for address in range(2, 7)
            for number in range(MOST_OF_ONE)
        ]
        assert sum(not each.done() for each in greedy) == MOST_WAITING
        honest = (await bench.ask("a", "192.0.2.99"))[0]
        await asyncio.sleep(0.05)
        assert not honest.done()
        assert sum(not each.done() for each in greedy) == MOST_WAITING - 1

    play(scene)


def test_one_visitor_never_has_all_threads() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ask("a1", "192.0.2.1")
        await bench.ask("a2", "192.0.2.1")
        assert bench.prepared == ["a1"]
        await bench.ask("b1", "192.0.2.2")
        assert bench.prepared == ["a1", "b1"]

    play(scene, threads=2)


def test_long_questions_never_have_all_threads_whoever_asks_them() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ask("long", "192.0.2.1", long=True)
        late, _ = await bench.ask("another", "192.0.2.2", long=True)
        assert bench.prepared == ["long"]
        await bench.ask("short", "192.0.2.3")
        assert bench.prepared == ["long", "short"]
        bench.let_go.set()
        assert await late == "another"

    play(scene, threads=2)


def test_the_end_is_said_to_all_who_wait() -> None:
    async def scene(bench: Bench) -> None:
        waiting = [(await bench.ask(key))[0] for key in "ab"]
        bench.questions.stop()
        for task in [*waiting, (await bench.ask("c"))[0]]:
            with pytest.raises(EdgeError, match="The server of this page ends"):
                await task

    play(scene)


def test_a_failure_is_told_to_all_and_not_kept() -> None:
    async def scene(bench: Bench) -> None:
        bench.let_go.set()
        found = [True, False]

        def work() -> str:
            if found.pop(0):
                raise EdgeError("it is missing")
            return "there"

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        request = Request({"type": "http", "client": None}, receive)
        with pytest.raises(EdgeError, match="it is missing"):
            await bench.questions.ask(request, lambda: work, "key", 60)
        assert await bench.questions.ask(request, lambda: work, "key", 60) == "there"

    play(scene)


async def answered(bench: Bench, key: object, size: int, seconds: float = 60) -> weakref.ref[Packed]:
    """Ask for an answer of so many bytes."""

    def work() -> Packed:
        bench.worked.append(key)
        return Packed(bytes(size), size)

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    request = Request({"type": "http", "client": None}, receive)
    return weakref.ref(await bench.questions.ask(request, lambda: work, key, seconds))


def test_kept_answers_are_bounded_by_their_bytes() -> None:
    async def scene(bench: Bench) -> None:
        size = MOST_BYTES // 2 - 1000
        kept = [await answered(bench, key, size) for key in "abc"]
        gc.collect()
        assert [each() is None for each in kept] == [True, False, False]
        for key in "bca":
            await answered(bench, key, size)
        await answered(bench, "huge", MOST_BYTES + 1)  # told once
        await answered(bench, "huge", MOST_BYTES + 1)

    assert play(scene).worked == ["a", "b", "c", "a", "huge", "huge"]


def test_an_answer_is_thrown_away_once_it_is_too_old() -> None:
    async def scene(bench: Bench) -> None:
        kept = await answered(bench, "a", 9, 0.2)
        assert kept() is not None
        await asyncio.sleep(0.4)
        gc.collect()
        assert kept() is None

    play(scene)
