"""The ground the simulation stands on: time that jumps, and processes that die."""

from __future__ import annotations

import asyncio

import pytest
from tests.simulation.simulated_loop import NoEndError, Process, make_loop


def test_time_jumps_when_nobody_has_anything_to_do() -> None:
    woken: list[float] = []

    async def sleep() -> None:
        await asyncio.sleep(86_400)
        woken.append(asyncio.get_running_loop().time())

    with make_loop(step_limit=100) as loop:
        loop.create_task(sleep())
        loop.run()
    assert woken == [86_400]


def test_nothing_of_a_process_runs_on_when_it_died() -> None:
    reached: list[str] = []

    async def child() -> None:
        try:
            await asyncio.sleep(2)
        finally:
            reached.append("child")

    async def parent() -> None:
        task = asyncio.get_running_loop().create_task(child())
        async with asyncio.timeout(1):
            await task
        reached.append("parent")

    with make_loop(step_limit=100) as loop:
        process = Process("victim")
        process.start(parent())
        loop.call_later(0.5, process.die)
        loop.run()
        assert reached == []


def test_open_transactions_are_rolled_back_when_their_process_dies() -> None:
    rolled_back: list[str] = []
    process = Process("victim")
    process.transactions["one"] = lambda: rolled_back.append("one")
    process.die()
    assert rolled_back == ["one"]


def test_a_schedule_without_end_is_an_error_when_its_steps_are_used_up() -> None:
    async def spin() -> None:
        await asyncio.sleep(1)
        await spin()

    with make_loop(step_limit=100) as loop:
        loop.create_task(spin())
        with pytest.raises(NoEndError):
            loop.run()
