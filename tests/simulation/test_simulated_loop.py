"""The ground the simulation stands on: time that jumps, and processes that die."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect

import pytest
from tests.simulation import provider
from tests.simulation.simulated_loop import NoEndError, Process, make_loop
from tests.simulation.stage import replaced, unheard

from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderStatus


def test_time_jumps_when_nobody_has_anything_to_do() -> None:
    woken: list[float] = []

    async def sleep() -> None:
        await asyncio.sleep(86_400)
        woken.append(asyncio.get_running_loop().time())

    with make_loop(step_limit=100) as loop:
        loop.create_task(sleep())
        loop.run()
    assert woken == [86_400]


def test_others_have_their_turns_when_a_sleep_could_have_jumped_over_them() -> None:
    turns: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        for _ in range(3):
            await asyncio.sleep(seconds)
            turns.append((name, asyncio.get_running_loop().time()))

    with make_loop(step_limit=100) as loop:
        loop.create_task(sleep("slow", 3))
        loop.create_task(sleep("quick", 2))
        loop.run()
    expected = [("quick", 2), ("slow", 3), ("quick", 4), ("slow", 6), ("quick", 6), ("slow", 9)]
    assert turns == expected


def test_a_task_ends_with_its_loop_when_it_waits_even_then() -> None:
    reached: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(1)
            reached.append("more")

    with make_loop(step_limit=100) as loop:
        task = loop.create_task(wait_for_ever())
        loop.run()
    work = task.get_coro()
    assert inspect.iscoroutine(work)
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED
    assert reached == []


def test_a_changed_copy_is_as_ever_when_a_schedule_makes_it() -> None:
    payment = ProviderPayment(provider_id="1", reference="r", status=ProviderStatus.PENDING, amount_cents=1)
    with replaced(unheard(seed=1)):
        copy = vars(provider)["replace"](payment, status=ProviderStatus.APPROVED)
        with pytest.raises(TypeError):
            vars(provider)["replace"](payment, unknown=1)
    assert copy == dataclasses.replace(payment, status=ProviderStatus.APPROVED)
    assert payment.status is ProviderStatus.PENDING


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
