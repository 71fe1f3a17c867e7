"""Turns: nobody waits behind the many requests of another."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass

from edge.web.turns import Turns


@dataclass
class Wire:
    ended: bool = False


def test_the_many_of_one_let_the_one_of_another_through() -> None:
    began: list[str] = []

    async def scene() -> None:
        turns = Turns()

        async def ask(whose: str | None, name: str) -> None:
            assert await turns.take(whose, Wire())
            began.append(name)

        many = [asyncio.create_task(ask("ann", f"ann {n}")) for n in range(50)]
        many += [asyncio.create_task(ask(None, f"stranger {n}")) for n in range(50)]
        await asyncio.sleep(0)
        await asyncio.create_task(ask("bob", "bob"))
        await asyncio.gather(*many)

    asyncio.run(scene())
    assert began.index("bob") < 10
    assert [name for name in began if name.startswith("ann")] == [f"ann {n}" for n in range(50)]
    alone = sum(before.split()[0] == after.split()[0] for before, after in itertools.pairwise(began))
    assert alone < 10  # the two kinds take turns


def test_one_that_has_ended_takes_no_turn() -> None:
    async def scene() -> list[bool]:
        turns = Turns()
        wires = [Wire(), *(Wire(ended=True) for _ in range(2000)), Wire()]
        return await asyncio.wait_for(asyncio.gather(*(turns.take(None, wire) for wire in wires)), 1.5)

    there = asyncio.run(scene())
    assert there == [True, *[False] * 2000, True]


def test_one_that_does_not_wait_any_longer_takes_no_turn() -> None:
    async def scene() -> None:
        turns = Turns()
        assert await turns.take(None, Wire())
        impatient = asyncio.create_task(turns.take(None, Wire()))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await asyncio.wait_for(turns.take(None, Wire()), 5)

    asyncio.run(scene())
