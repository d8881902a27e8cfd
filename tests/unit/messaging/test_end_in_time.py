"""However a loop takes a stop, it is over in time; told by a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from tests.simulation.simulated_loop import make_loop

from autodeal_messaging.end_in_time import CANCEL_TIMEOUT_SECONDS, end_in_time

STOP_AT_SECONDS = 100.0
DRAIN_SECONDS = 10.0
FOR_EVER_SECONDS = 86_400.0


def seconds_after_the_stop(work: Callable[[asyncio.Event], Awaitable[None]]) -> float:
    """Run a loop, tell it to stop, and return when that was over by the clock; raises its error."""
    over_at: list[float] = []

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_at(STOP_AT_SECONDS, stop.set)

        async def wait_and_work() -> None:
            await work(stop)

        try:
            await end_in_time(wait_and_work(), stop, DRAIN_SECONDS)
        finally:
            over_at.append(loop.time())

    with make_loop(step_limit=1_000) as loop:
        running = loop.create_task(run())
        loop.run()
        assert over_at
        running.result()
    return over_at[0] - STOP_AT_SECONDS


def test_it_is_over_at_once_when_the_loop_ends_by_itself() -> None:
    async def work(stop: asyncio.Event) -> None:
        await stop.wait()

    assert seconds_after_the_stop(work) == 0.0


def test_the_loop_finishes_its_work_when_that_fits_into_the_drain_time_out() -> None:
    finished: list[bool] = []

    async def work(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(DRAIN_SECONDS / 2)
        finished.append(True)

    assert seconds_after_the_stop(work) == DRAIN_SECONDS / 2
    assert finished


def test_it_is_over_at_the_drain_time_out_when_the_loop_does_not_look_up() -> None:
    async def work(_stop: asyncio.Event) -> None:
        await asyncio.sleep(FOR_EVER_SECONDS)

    assert seconds_after_the_stop(work) == DRAIN_SECONDS


def test_it_is_over_soon_after_the_drain_time_out_when_the_loop_does_not_let_itself_be_cancelled() -> None:
    async def work(_stop: asyncio.Event) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(FOR_EVER_SECONDS)
                return

    assert seconds_after_the_stop(work) == DRAIN_SECONDS + CANCEL_TIMEOUT_SECONDS


def test_the_loop_s_error_is_raised_when_it_ends_with_one() -> None:
    async def work(stop: asyncio.Event) -> None:
        await stop.wait()
        raise LookupError

    with pytest.raises(LookupError):
        seconds_after_the_stop(work)
