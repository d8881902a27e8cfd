"""The relay between a real store and a real broker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.chaos.freeze_processes import frozen
from tests.integration.messaging.outbox_under_test import OutboxUnderTest, PostgresOutboxUnderTest
from tests.integration.messaging.relay_stage import RelayStage, first_copies

from autodeal_messaging.postgres.write import add_to_outbox
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration


def expected(keys: int, events: int) -> dict[str, list[int]]:
    return {f"key-{number}": list(range(1, events + 1)) for number in range(keys)}


async def test_each_key_arrives_in_order_when_several_relays_share_the_outbox(
    relays: RelayStage, outbox: OutboxUnderTest
) -> None:
    async with (
        relays.relaying(outbox, "relay-0"),
        relays.relaying(outbox, "relay-1"),
        relays.relaying(outbox, "relay-2"),
    ):
        await relays.write_all(outbox, keys=15, events=10)
        await relays.until_empty(outbox)
    assert await relays.arrived() == expected(15, 10)


async def test_nothing_is_lost_or_reordered_when_relays_are_killed_in_the_middle(
    relays: RelayStage, outbox: OutboxUnderTest
) -> None:
    async def kill_and_replace() -> None:
        for number in range(4):
            relay = relays.relay(outbox, f"victim-{number}")
            task = asyncio.ensure_future(relay.run(asyncio.Event()))
            await asyncio.sleep(0.15)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    writing = asyncio.create_task(relays.write_all(outbox, keys=15, events=10))
    await kill_and_replace()
    await writing
    async with relays.relaying(outbox, "survivor"):
        await relays.until_empty(outbox)
    assert await relays.arrived() == expected(15, 10)


async def test_nothing_is_lost_or_reordered_when_database_connections_break(
    relays: RelayStage, postgres_outbox: PostgresOutboxUnderTest
) -> None:
    async def break_again_and_again() -> None:
        for _ in range(4):
            await asyncio.sleep(0.1)
            await postgres_outbox.break_connections()

    async with relays.relaying(postgres_outbox, "relay-0"), relays.relaying(postgres_outbox, "relay-1"):
        await asyncio.gather(relays.write_all(postgres_outbox, keys=20, events=30), break_again_and_again())
        await relays.until_empty(postgres_outbox)
    assert await relays.arrived() == expected(20, 30)


async def test_a_late_commit_is_sent_when_later_rows_went_before(
    relays: RelayStage, postgres_outbox: PostgresOutboxUnderTest
) -> None:
    async with relays.relaying(postgres_outbox), postgres_outbox.engine.connect() as late:
        await add_to_outbox(late, [relays.topic.event("late", 1)])
        for number in range(5):
            await postgres_outbox.commit(relays.topic.event(f"early-{number}", 1))
        await relays.until_empty(postgres_outbox)
        assert "late" not in await relays.arrived()
        await late.commit()
        await relays.until_empty(postgres_outbox)
    assert (await relays.arrived())["late"] == [1]


async def test_nothing_is_published_when_the_transaction_rolls_back(
    relays: RelayStage, postgres_outbox: PostgresOutboxUnderTest
) -> None:
    async with relays.relaying(postgres_outbox):
        async with postgres_outbox.engine.connect() as connection:
            await add_to_outbox(connection, [relays.topic.event("undone", 1)])
            await connection.rollback()
        await postgres_outbox.commit(relays.topic.event("done", 1))
        await relays.until_empty(postgres_outbox)
    assert await relays.arrived() == {"done": [1]}


async def test_each_event_is_sent_exactly_once_when_relays_stop_and_start_in_order(
    relays: RelayStage, postgres_outbox: PostgresOutboxUnderTest
) -> None:
    """A stop drains: what was sent is deleted, what is left was not sent."""
    writing = asyncio.create_task(relays.write_all(postgres_outbox, keys=20, events=30))
    for number in range(4):
        async with relays.relaying(postgres_outbox, f"relay-{number}"):
            await asyncio.sleep(0.1)
    await writing
    async with relays.relaying(postgres_outbox, "last"):
        await relays.until_empty(postgres_outbox)
    records = await relays.records()
    assert len(records) == 20 * 30
    assert first_copies(records) == expected(20, 30)


@pytest.mark.real  # The embedded broker forgets what it has acknowledged.
async def test_events_wait_and_go_out_in_order_when_the_broker_was_away(
    relays: RelayStage, postgres_outbox: PostgresOutboxUnderTest, private_broker: Any
) -> None:
    relays = replace(relays, settings=private_broker.settings)
    await ensure_topics(relays.settings, [relays.topic])
    async with relays.relaying(postgres_outbox):
        await postgres_outbox.commit(relays.topic.event("before", 1))
        await relays.until_empty(postgres_outbox)
        await private_broker.kill()
        await relays.write_all(postgres_outbox, keys=10, events=10)
        assert await postgres_outbox.count() == 100
        await private_broker.restart()
        await relays.until_empty(postgres_outbox)
    assert await relays.arrived() == expected(10, 10) | {"before": [1]}


async def test_events_wait_and_go_out_in_order_when_the_broker_stood_still(
    relays: RelayStage, postgres_outbox: PostgresOutboxUnderTest, private_broker: Any
) -> None:
    relays = replace(relays, settings=private_broker.settings)
    await ensure_topics(relays.settings, [relays.topic])
    async with relays.relaying(postgres_outbox):
        await postgres_outbox.commit(relays.topic.event("before", 1))
        await relays.until_empty(postgres_outbox)
        with frozen(private_broker.pid):
            await relays.write_all(postgres_outbox, keys=10, events=10)
            assert await postgres_outbox.count() == 100
        await relays.until_empty(postgres_outbox)
    assert await relays.arrived() == expected(10, 10) | {"before": [1]}
