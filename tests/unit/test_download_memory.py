"""Bytes of bodies in flight: bounded, and nobody waits for ever."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from treeline.download.memory import ByteBudget

LIMIT = 1000


@given(st.lists(st.lists(st.integers(1, 700), min_size=1, max_size=5), min_size=1, max_size=20))
def test_the_limit_holds_but_for_one_body_and_all_come_through(bodies: list[list[int]]) -> None:
    held_now: dict[int, int] = {}
    most = 0
    budget = ByteBudget(LIMIT)

    async def read(number: int, pieces: list[int]) -> None:
        nonlocal most
        with budget.holding() as held:
            held_now[number] = 0
            for piece in pieces:
                await held.grow(piece)
                held_now[number] += piece
                most = max(most, sum(held_now.values()) - max(held_now.values()))
                await asyncio.sleep(0)
            del held_now[number]

    async def read_all() -> None:
        await asyncio.gather(*(read(number, pieces) for number, pieces in enumerate(bodies)))

    asyncio.run(asyncio.wait_for(read_all(), 60))
    assert most <= LIMIT


def test_a_body_that_comes_anew_gives_back_what_it_held() -> None:
    async def read_twice() -> None:
        budget = ByteBudget(LIMIT)
        with budget.holding() as first:
            await first.grow(LIMIT)
            with budget.holding() as second:
                waiting = asyncio.create_task(second.grow(LIMIT))
                await asyncio.sleep(0)
                assert not waiting.done()
                first.clear()
                assert await waiting >= 0

    asyncio.run(read_twice())
