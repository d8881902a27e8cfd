"""What makes a relay look: a ring in its process, one from another process, and a poll behind both."""

from __future__ import annotations

import asyncio

import pytest
from tests.integration.messaging.outbox_under_test import OutboxUnderTest, PostgresOutboxUnderTest
from tests.integration.messaging.relay_stage import RelayStage

from autodeal_messaging.postgres.notify import PostgresListener, PostgresNotifier
from autodeal_messaging.relay_round import RelayLimits

pytestmark = pytest.mark.integration

NEVER_SECONDS = 3600.0
NO_POLLS = RelayLimits(poll_first_seconds=NEVER_SECONDS, poll_maximum_seconds=NEVER_SECONDS)


async def test_a_ring_is_enough_when_no_poll_comes(relays: RelayStage, outbox: OutboxUnderTest) -> None:
    async with relays.relaying(outbox, limits=NO_POLLS):
        for sequence in range(1, 4):
            await outbox.commit(relays.topic.event("key", sequence))
            relays.nudge.ring("key")
            await relays.until_empty(outbox)


async def test_a_poll_is_enough_when_nobody_rings(relays: RelayStage, outbox: OutboxUnderTest) -> None:
    async with relays.relaying(outbox):
        for sequence in range(1, 4):
            await outbox.commit(relays.topic.event("key", sequence))
            await relays.until_empty(outbox)


async def test_other_keys_are_polled_when_one_key_rings_all_the_time(
    relays: RelayStage, outbox: OutboxUnderTest
) -> None:
    async def ring_all_the_time() -> None:
        while True:
            relays.nudge.ring("noisy")
            await asyncio.sleep(0.005)

    async with relays.relaying(outbox):
        ringing = asyncio.create_task(ring_all_the_time())
        await asyncio.sleep(0.1)
        await outbox.commit(*(relays.topic.event(f"silent-{number}", 1) for number in range(8)))
        await relays.until_empty(outbox)
        ringing.cancel()


async def test_a_relay_in_another_process_is_woken_when_the_notifier_rings(
    relays: RelayStage, postgres_outbox: PostgresOutboxUnderTest
) -> None:
    listener = PostgresListener(postgres_outbox.url, lambda _payload: relays.nudge.ring())
    async with (
        relays.relaying(postgres_outbox, limits=NO_POLLS),
        relays.running(listener.run),
        PostgresNotifier(postgres_outbox.url) as notifier,
    ):
        for sequence in range(1, 4):
            await postgres_outbox.commit(relays.topic.event("key", sequence))
            notifier.ring("key")
            await relays.until_empty(postgres_outbox)
