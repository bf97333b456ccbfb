"""Turns at a server that the jobs of other servers come to."""

from __future__ import annotations

import asyncio
import multiprocessing
from pathlib import Path
from time import time

from treeline.download.turnstile import Turnstile

TURNS = 15
RATE = 50.0


def take_turns(folder: Path) -> list[float]:
    async def take() -> list[float]:
        turnstile = Turnstile(folder, "images.example:8080", RATE)
        times = []
        for _ in range(TURNS):
            await turnstile.turn()
            times.append(time())
        return times

    return asyncio.run(take())


def test_processes_take_turns_together(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        times = sorted(time for of_process in pool.map(take_turns, [tmp_path] * 3) for time in of_process)
    assert len(times) == 3 * TURNS
    assert times[-1] - times[0] >= (3 * TURNS - 1) / RATE


def test_nobody_has_come_before_the_first(tmp_path: Path) -> None:
    turnstile = Turnstile(tmp_path / "turns", "a.example", RATE)
    assert not turnstile.is_in_use
    asyncio.run(turnstile.turn())
    assert turnstile.is_in_use
    assert Turnstile(tmp_path / "turns", "a.example", RATE).is_in_use
    assert not Turnstile(tmp_path / "turns", "b.example", RATE).is_in_use
