"""The consumer on a real broker: keys side by side, each in order, and offsets behind what took effect."""

from __future__ import annotations

import asyncio

import pytest
from tests.integration.messaging.consumer_stage import ConsumerStage, Effects, expected

from autodeal_messaging.metrics import CONSUMER_LAG

pytestmark = pytest.mark.integration


async def test_keys_run_side_by_side_and_each_in_order_when_many_records_come(stage: ConsumerStage) -> None:
    effects = Effects()
    effects.seconds = 0.002
    await stage.send_all(keys=20, events=10)
    async with stage.consuming(effects.handle, concurrency=5):
        await stage.until(effects.reached(200))
    assert effects.by_key == expected(20, 10)
    assert 1 < effects.most_running <= 5
    assert await stage.committed() == 200


async def test_an_offset_is_committed_only_when_all_before_it_took_effect(stage: ConsumerStage) -> None:
    effects = Effects()
    effects.hold_up = {f"key-{number}-1" for number in range(10)}
    await stage.send_all(keys=10, events=1)
    await stage.send(*(stage.topic.event(f"other-{number}", 1) for number in range(30)))
    async with stage.consuming(effects.handle):
        await stage.until(effects.reached(30))
        await stage.until(effects.attempted("key-9-1"))
        await asyncio.sleep(0.3)  # several commits long
        assert await stage.committed() == 0
        assert CONSUMER_LAG.labels(stage.group, stage.topic.name)._value.get() >= 10
        for event_id in effects.hold_up:
            effects.held_up[event_id].set()
        await stage.until(effects.reached(40))

        async def all_committed() -> bool:
            return await stage.committed() == 40

        async def nothing_is_left() -> bool:
            return bool(CONSUMER_LAG.labels(stage.group, stage.topic.name)._value.get() == 0)

        await stage.until(all_committed)
        await stage.until(nothing_is_left)


async def test_a_record_holds_its_key_and_is_never_skipped_when_its_handler_fails_at_first(
    stage: ConsumerStage,
) -> None:
    effects = Effects()
    effects.failing = {"key-0-2"}
    await stage.send_all(keys=5, events=4)
    async with stage.consuming(effects.handle):
        await stage.until(effects.reached(17))
        await stage.until(effects.attempted("key-0-2", times=3))
        assert effects.by_key["key-0"] == [1]
        assert await stage.committed() < 20
        effects.failing.clear()
        await stage.until(effects.reached(20))
    assert effects.by_key == expected(5, 4)
    assert await stage.committed() == 20


async def test_other_keys_go_on_when_more_keys_fail_than_may_run_at_once(stage: ConsumerStage) -> None:
    effects = Effects()
    effects.failing = {f"key-{number}-1" for number in range(10)}
    await stage.send_all(keys=30, events=1)
    async with stage.consuming(effects.handle, concurrency=2):
        await stage.until(effects.reached(20))
    assert not {f"key-{number}" for number in range(10)} & effects.by_key.keys()


async def test_a_record_holds_its_key_and_is_not_skipped_when_it_cannot_be_decoded(
    stage: ConsumerStage,
) -> None:
    effects = Effects()
    await stage.send_raw(b"?", key=b"key-0")
    await stage.send_raw(b"{}", key=b"key-0", headers=stage.topic.event("key-0", 1).headers())
    await stage.send_raw(b"{}", key=b"key-1", headers=stage.topic.event("key-1", 1).headers())
    async with stage.consuming(effects.handle):
        await stage.until(effects.reached(1))
        await asyncio.sleep(0.3)  # several attempts and commits long
    assert effects.by_key == {"key-1": [1]}
    assert await stage.committed() == 0


async def test_what_runs_finishes_and_is_committed_when_told_to_stop(stage: ConsumerStage) -> None:
    effects = Effects()
    effects.hold_up = {"key-1"}
    effects.hold_up = {"key-0-1"}
    await stage.send(stage.topic.event("key-0", 1), stage.topic.event("key-0", 2))
    stop = asyncio.Event()
    consuming = asyncio.ensure_future(stage.consumer(effects.handle).run(stop))
    await stage.until(effects.attempted("key-0-1"))
    stop.set()
    await asyncio.sleep(0.2)
    assert not consuming.done(), "it waits for what runs"
    effects.held_up["key-0-1"].set()
    await consuming
    assert effects.by_key == {"key-0": [1]}, "what ran finished, and nothing new began"
    assert await stage.committed() == 1
