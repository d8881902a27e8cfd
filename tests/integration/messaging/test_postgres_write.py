"""The write side on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_messaging.postgres.schema import define_outbox
from autodeal_messaging.postgres.write import (
    INBOX,
    OUTBOX,
    add_to_outbox,
    claim_all_in_inbox,
    claim_deadline,
    claim_in_inbox,
    inbox_insert,
    outbox_insert,
    purge_inbox,
    schedule_deadline,
)

pytestmark = pytest.mark.integration

ORDERS = Table("orders", MetaData(), Column("id", Integer, primary_key=True), Column("version", Integer))
DUE = datetime(2020, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def orders(postgres_engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    async with postgres_engine.begin() as connection:
        await connection.run_sync(ORDERS.create)
        await connection.execute(insert(ORDERS).values(id=1, version=0))
    yield postgres_engine


async def test_nothing_is_published_when_the_folded_change_changes_nothing(
    orders: AsyncEngine, topic: Any
) -> None:
    for version_seen in (0, 0):
        changed = (
            update(ORDERS)
            .where(ORDERS.c.id == 1, ORDERS.c.version == version_seen)
            .values(version=version_seen + 1)
            .returning(ORDERS.c.id)
            .cte("changed")
        )
        published = outbox_insert(topic.event("1", version_seen + 1), changed).cte("published")
        async with orders.begin() as connection:
            await connection.execute(select(changed).add_cte(published))
    async with orders.connect() as connection:
        assert (await connection.execute(select(OUTBOX.c.key))).scalars().all() == ["1"]


async def test_ids_ascend_in_order_of_commit_when_writers_of_one_key_race(
    orders: AsyncEngine, topic: Any
) -> None:
    """The id is drawn while the order is locked, in a single statement."""

    async def change_once() -> None:
        changed = (
            update(ORDERS)
            .where(ORDERS.c.id == 1)
            .values(version=ORDERS.c.version + 1)
            .returning(ORDERS.c.id, ORDERS.c.version)
            .cte("changed")
        )
        published = outbox_insert(topic.event("1", 1), changed).returning(OUTBOX.c.id).cte("published")
        async with orders.begin() as connection:
            both = select(changed.c.version, published.c.id).join_from(changed, published, true())
            (row,) = await connection.execute(both)
            drawn[row.version] = row.id

    drawn: dict[int, int] = {}
    await asyncio.gather(*(change_once() for _ in range(60)))
    assert [drawn[version] for version in range(1, 61)] == sorted(drawn.values())


async def test_an_effect_happens_once_when_it_is_folded_behind_the_inbox(orders: AsyncEngine) -> None:
    async def handle() -> int:
        claimed = inbox_insert("vehicle", "event-1").cte("claimed")
        effect = (
            update(ORDERS)
            .where(ORDERS.c.id == 1, select(claimed.c.event_id).exists())
            .values(version=ORDERS.c.version + 1)
        )
        async with orders.begin() as connection:
            return (await connection.execute(effect)).rowcount

    assert [await handle(), await handle()] == [1, 0]


async def test_a_repeat_waits_for_the_first_when_both_are_handled_at_once(
    postgres_engine: AsyncEngine,
) -> None:
    async def repeat() -> bool:
        async with postgres_engine.begin() as connection:
            return await claim_in_inbox(connection, "vehicle", "event-1")

    async with postgres_engine.connect() as first:
        assert await claim_in_inbox(first, "vehicle", "event-1")
        repeating = asyncio.create_task(repeat())
        await asyncio.sleep(0.05)
        assert not repeating.done()
        await first.rollback()
    assert await repeating, "the first rolled back, so the event is still to be handled"


async def test_a_deadline_goes_to_one_worker_when_two_take_it(postgres_engine: AsyncEngine) -> None:
    async with postgres_engine.begin() as connection:
        await schedule_deadline(connection, "sale", "1", DUE)
    async with postgres_engine.connect() as first, postgres_engine.connect() as second:
        assert await claim_deadline(first, "sale", "1", DUE)
        assert not await claim_deadline(second, "sale", "1", DUE), "it does not wait for the first"
        await first.rollback()
        assert await claim_deadline(second, "sale", "1", DUE), "the first did not settle it"
        await second.commit()
        assert not await claim_deadline(first, "sale", "1", DUE)


async def test_a_deadline_is_left_alone_when_it_was_moved(postgres_engine: AsyncEngine) -> None:
    async with postgres_engine.begin() as connection:
        await schedule_deadline(connection, "sale", "1", DUE)
        await schedule_deadline(connection, "sale", "1", DUE + timedelta(days=1))
        assert not await claim_deadline(connection, "sale", "1", DUE)
        assert await claim_deadline(connection, "sale", "1", DUE + timedelta(days=1))


async def test_only_old_inbox_rows_go_and_a_few_at_a_time_when_purged(postgres_engine: AsyncEngine) -> None:
    async with postgres_engine.begin() as connection:
        old = datetime.now(UTC) - timedelta(days=20)
        rows = [{"consumer": "c", "event_id": str(number), "handled_at": old} for number in range(7)]
        await connection.execute(insert(INBOX), rows)
        assert await claim_in_inbox(connection, "c", "new")
        purged = [await purge_inbox(connection, older_than=timedelta(days=14), limit=5) for _ in range(3)]
        assert purged == [5, 2, 0]
        assert (await connection.execute(select(INBOX.c.event_id))).scalars().all() == ["new"]


async def test_the_relays_read_walks_the_index_when_a_backlog_is_large(
    postgres_outbox: Any, topic: Any
) -> None:
    """Planned while the table was empty, the read must not sort or scan the backlog later."""
    from autodeal_messaging.postgres.outbox_store import READ

    store = postgres_outbox.store("relay")
    await store.open()
    try:
        await store.balance(lambda: ())
        await store.read(limit=4_000, exclude=(), keys=None)
        async with postgres_outbox.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO outbox (shard, topic, key, headers, value)"
                    " SELECT n % 64, 't', n::text, '{}', '' FROM generate_series(1, 50000) AS n"
                )
            )
        plan = await store._connection.fetch("EXPLAIN " + READ, list(range(64)), [1, 2], 63)
        written = "\n".join(line[0] for line in plan)
        assert "Index Scan using outbox_pkey" in written
        assert "Sort" not in written
        assert "Seq Scan" not in written
        batch = await store.read(limit=4_000, exclude=(), keys=None)
        assert len(batch.records) == 64 * 63
        assert batch.more
    finally:
        await store.close()


async def test_events_keep_their_order_when_written_by_one_call(
    postgres_engine: AsyncEngine, topic: Any
) -> None:
    metadata = MetaData()
    outbox = define_outbox(metadata)
    async with postgres_engine.begin() as connection:
        await add_to_outbox(connection, [topic.event("1", sequence) for sequence in range(1, 40)])
        rows = await connection.execute(select(outbox.c.headers).order_by(outbox.c.id))
        sequences = [int(row.headers.split('"ce_sequence":"')[1].split('"')[0]) for row in rows]
    assert sequences == list(range(1, 40))


async def test_events_are_claimed_once_when_overlapping_batches_race(postgres_engine: AsyncEngine) -> None:
    async def claim(first: int) -> set[str]:
        async with postgres_engine.begin() as connection:
            wanted = [f"event-{number}" for number in range(first, first + 50)]
            return await claim_all_in_inbox(connection, "racing", wanted[:: 1 if first % 20 else -1])

    claimed = await asyncio.gather(*(claim(first) for first in range(0, 100, 10)))
    ids = [event_id for each in claimed for event_id in each]
    assert len(ids) == len(set(ids)) == 140
    async with postgres_engine.begin() as connection:
        assert await claim_all_in_inbox(connection, "racing", ["event-0", "event-new"]) == {"event-new"}
        assert await claim_all_in_inbox(connection, "another", ["event-0"]) == {"event-0"}
