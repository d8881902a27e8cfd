from __future__ import annotations

import asyncio

from autodeal_messaging.nudge import Nudge

SOON = 0.001
LONG = 30.0


async def test_a_wait_ends_at_once_when_it_was_rung_before() -> None:
    nudge = Nudge()
    nudge.ring()
    assert await nudge.wait(LONG)


async def test_a_wait_ends_when_it_is_rung_meanwhile() -> None:
    nudge = Nudge()
    waiting = asyncio.create_task(nudge.wait(LONG))
    await asyncio.sleep(0)
    nudge.ring("key")
    assert await waiting


async def test_a_wait_ends_without_a_ring_when_its_time_is_up() -> None:
    assert not await Nudge().wait(SOON)


async def test_a_wait_ends_without_a_ring_when_it_is_only_woken() -> None:
    nudge = Nudge()
    nudge.wake()
    assert not await nudge.wait(LONG)


async def test_rings_fold_into_one_when_they_come_between_two_waits() -> None:
    nudge = Nudge()
    for _ in range(3):
        nudge.ring("key")
    assert await nudge.wait(LONG)
    nudge.take()
    assert not await nudge.wait(SOON)


async def test_a_ring_is_kept_when_it_was_not_taken() -> None:
    nudge = Nudge()
    nudge.ring("key")
    await nudge.wait(LONG)
    assert await nudge.wait(SOON), "the time was up, and the keys still wait to be looked at"


def test_the_rung_keys_are_told_once_when_taken() -> None:
    nudge = Nudge()
    nudge.ring("a")
    nudge.ring("b", "c")
    assert nudge.take() == frozenset({"a", "b", "c"})
    assert nudge.take() is None


def test_it_asks_to_look_everywhere_when_one_ring_named_no_key() -> None:
    nudge = Nudge()
    nudge.ring("a")
    nudge.ring()
    assert nudge.take() is None
