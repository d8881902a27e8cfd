"""Partitions go from one consumer to another: nothing is lost, and no key loses its order."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.messaging.consumer_stage import ConsumerStage, Effects, Loop, expected

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration


async def test_records_come_again_when_a_consumer_dies_before_their_effect(stage: ConsumerStage) -> None:
    dying, living = Effects(), Effects()
    dying.hold_up = {f"key-{number}-2" for number in range(6)}
    await stage.send_all(keys=6, events=4)
    hasty = replace(stage, settings=replace(stage.settings, kafka_drain_timeout_seconds=0.05))
    task = asyncio.ensure_future(hasty.consumer(dying.handle).run(asyncio.Event()))
    await stage.until(dying.reached(6))
    await stage.until(dying.attempted("key-5-2"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with stage.consuming(living.handle):

        async def every_key_is_complete() -> bool:
            return all(living.by_key[f"key-{number}"][-3:] == [2, 3, 4] for number in range(6))

        await stage.until(every_key_is_complete)
    assert all(1 not in sequences[1:] for sequences in living.by_key.values())


async def test_every_record_takes_effect_once_and_in_order_when_members_join_and_leave(
    stage: ConsumerStage,
) -> None:
    """Nobody dies here, so each partition is handed over with everything done also committed."""
    effects = Effects()
    effects.seconds = 0.002
    keys, events = 20, 60

    def member() -> Loop:
        return stage.consumer(effects.handle, concurrency=4).run

    async def send_slowly() -> None:
        for sequence in range(1, events + 1):
            await stage.send(*(stage.topic.event(f"key-{number}", sequence) for number in range(keys)))
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send_slowly())
    async with stage.running(member()):
        await stage.until(effects.reached(50))
        async with AsyncExitStack() as joined:
            await joined.enter_async_context(stage.running(member()))
            await stage.until(effects.reached(300))
            await joined.enter_async_context(stage.running(member()))
            await stage.until(effects.reached(600))
        await sending
        await stage.until(effects.reached(keys * events))
    assert effects.by_key == expected(keys, events)
    assert await stage.committed() == keys * events


async def test_a_silent_members_partitions_are_taken_over_when_it_is_cut_off(stage: ConsumerStage) -> None:
    """One member is killed in the middle, without a word to the group."""
    effects = Effects()
    effects.seconds = 0.002
    keys, events = 20, 30
    victim = stage.consumer(effects.handle, concurrency=4)
    cut_off = asyncio.ensure_future(victim.run(asyncio.Event()))
    async with stage.consuming(effects.handle, concurrency=4):
        sending = asyncio.create_task(stage.send_all(keys=keys, events=events))
        await stage.until(effects.reached(100))
        cut_off.cancel()
        await asyncio.gather(cut_off, return_exceptions=True)
        await sending
        await stage.until(effects.reached(keys * events))
    assert effects.first_effects() == expected(keys, events)


async def test_consuming_goes_on_when_the_broker_was_restarted(
    stage: ConsumerStage, private_broker: Any
) -> None:
    stage = replace(stage, settings=private_broker.settings)
    effects = Effects()
    await ensure_topics(stage.settings, [stage.topic])
    async with stage.consuming(effects.handle):
        await send_with_own_producer(stage.settings, stage.topic.event("key", 1))
        await stage.until(effects.reached(1))

        # The embedded broker forgets its records; an offset committed to the new one would hide one.
        async def first_is_committed() -> bool:
            return await stage.committed() == 1

        await stage.until(first_is_committed)
        await private_broker.kill()
        await private_broker.restart()
        await ensure_topics(stage.settings, [stage.topic])
        await send_with_own_producer(stage.settings, stage.topic.event("key", 2))
        await stage.until(effects.reached(2))
    assert effects.first_effects() == {"key": [1, 2]}


async def send_with_own_producer(settings: KafkaSettings, envelope: Envelope) -> None:
    producer = make_producer(settings)
    await producer.start()
    try:
        await producer.send_and_wait(
            envelope.topic, key=envelope.key.encode(), value=envelope.data, headers=envelope.headers()
        )
    finally:
        await producer.stop()
