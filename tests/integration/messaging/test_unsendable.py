"""Events set aside from a real outbox, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import MetaData, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedFilter, ParkedState
from autodeal_messaging.parking.unsendable import BEHIND, outbox_group
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.unsendable_store import PostgresUnsendableStore
from autodeal_messaging.postgres.write import OUTBOX, add_to_outbox
from autodeal_messaging.relay import Relay
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration

Read = Callable[[], Awaitable[list[OutboxRecord]]]


@dataclass(frozen=True)
class SmallTopic:
    """A topic that takes small records only."""

    name: str
    partitions: int = 1
    config: dict[str, str] = field(default_factory=lambda: {"max.message.bytes": "3000"})


class OneTopic:
    name = "autodeal.test.v1"

    def event(self, key: str, sequence: int) -> Envelope:
        return Envelope(
            topic=self.name,
            key=key,
            id=f"{key}-{sequence}",
            type="test.happened",
            source="/autodeal/test",
            subject=f"test/{key}",
            time=datetime.now(UTC),
            sequence=sequence,
            correlation_id=key,
            data=b'{"n":1}',
        )


TOPIC = OneTopic()


@pytest_asyncio.fixture(loop_scope="session")
async def engine(postgres_engine: AsyncEngine) -> AsyncEngine:
    metadata = MetaData()
    define_parked_records(metadata)
    define_parking_audit(metadata)
    async with postgres_engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return postgres_engine


@pytest.fixture
def store(engine: AsyncEngine) -> PostgresUnsendableStore:
    return PostgresUnsendableStore(engine, outbox_group("vehicle"))


@pytest_asyncio.fixture(loop_scope="session")
async def read(engine: AsyncEngine, postgres_url: str) -> Read:
    async def read() -> list[OutboxRecord]:
        outbox = PostgresOutboxStore(postgres_url)
        await outbox.open()
        try:
            await outbox.balance(set)
            batch = await outbox.read(limit=1_000, exclude=(), keys=None)
            return list(batch.records)
        finally:
            await outbox.close()

    return read


async def commit(engine: AsyncEngine, *envelopes: Envelope) -> None:
    async with engine.begin() as connection:
        await add_to_outbox(connection, envelopes)


def ids(records: list[OutboxRecord], key: str) -> list[str]:
    return [dict(one.headers())["ce_id"].decode() for one in records if one.key == key]


async def test_events_are_out_of_the_relays_way_when_set_aside(
    engine: AsyncEngine, store: PostgresUnsendableStore, read: Read
) -> None:
    await commit(engine, *(TOPIC.event(key, number) for number in (1, 2) for key in ("bad", "good")))
    bad = [record for record in await read() if record.key == "bad"]
    assert await store.held_keys() == frozenset()
    await store.set_aside(bad[:1], "too large")
    await store.set_aside(bad, BEHIND)
    assert await store.held_keys() == {(TOPIC.name, "bad")}
    left = await read()
    assert ids(left, "bad") == []
    assert ids(left, "good") == ["good-1", "good-2"]
    found = await store.find(ParkedFilter())
    assert [(one.event_id, one.state, one.last_error) for one in found] == [
        ("bad-1", ParkedState.DEAD, "too large"),
        ("bad-2", ParkedState.PARKED, BEHIND),
    ]


async def test_events_are_as_they_were_and_before_later_ones_when_redriven(
    engine: AsyncEngine, store: PostgresUnsendableStore, read: Read
) -> None:
    await commit(engine, *(TOPIC.event("bad", number) for number in (1, 2, 3)))
    before = await read()
    await store.set_aside(before[:2], "too large")
    await commit(engine, TOPIC.event("bad", 4))
    operator = ParkingOperator(store, "ana@desk")
    async for _ in operator.redrive(
        await operator.plan(ParkedFilter()), records_per_second=None, reason="limit raised"
    ):
        pass
    after = await read()
    assert ids(after, "bad") == ["bad-1", "bad-2", "bad-3", "bad-4"]
    assert [(one.position, one.value, one.headers()) for one in after[:3]] == [
        (one.position, one.value, one.headers()) for one in before
    ]
    assert await store.held_keys() == frozenset()
    assert [entry.reason for entry in await store.audit_trail()] == ["limit raised"]


async def test_the_others_go_back_when_the_one_that_is_too_large_is_discarded(
    engine: AsyncEngine, store: PostgresUnsendableStore, read: Read
) -> None:
    await commit(engine, *(TOPIC.event("bad", number) for number in (1, 2, 3)))
    await store.set_aside(await read(), "too large")
    operator = ParkingOperator(store, "ana@desk")
    [first, second, _] = await operator.find(ParkedFilter())
    await operator.discard(second.id, "nobody wants it")
    assert await read() == []
    await operator.discard(first.id, "far too large")
    assert ids(await read(), "bad") == ["bad-3"]


async def test_nothing_is_set_aside_when_another_relay_has_deleted_it(
    engine: AsyncEngine, store: PostgresUnsendableStore, read: Read
) -> None:
    await commit(engine, TOPIC.event("bad", 1))
    records = await read()
    await store.set_aside(records, "too large")
    await store.set_aside(records, "too large")
    assert len(await store.find(ParkedFilter())) == 1


@pytest.mark.real
async def test_others_are_sent_and_its_key_waits_when_an_event_is_too_large_for_its_topic(
    *,
    engine: AsyncEngine,
    store: PostgresUnsendableStore,
    postgres_url: str,
    kafka_settings: KafkaSettings,
    topic_prefix: str,
    until: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
) -> None:
    topic = SmallTopic(f"{topic_prefix}small.v1")
    await ensure_topics(kafka_settings, [topic])
    for sequence in (1, 2, 3):
        await commit(
            engine,
            *(
                msgspec.structs.replace(
                    TOPIC.event(key, sequence),
                    topic=topic.name,
                    data=b"x" * (5_000 if (key, sequence) == ("key-2", 2) else 10),
                )
                for key in ("key-1", "key-2", "key-3")
            ),
        )

    async def is_drained() -> bool:
        async with engine.connect() as connection:
            return not await connection.scalar(select(func.count()).select_from(OUTBOX))

    stop = asyncio.Event()
    relay = Relay(PostgresOutboxStore(postgres_url), kafka_settings, Nudge(), "vehicle", unsendable=store)
    running = asyncio.ensure_future(relay.run(stop))
    await until(is_drained)
    found = await store.find(ParkedFilter())
    assert [(one.event_id, one.state) for one in found] == [
        ("key-2-2", ParkedState.DEAD),
        ("key-2-3", ParkedState.PARKED),
    ]
    assert found[0].last_error == "MessageSizeTooLargeError: 5000 bytes"
    await ParkingOperator(store, "ana").discard(found[0].id, "too large")
    await until(is_drained)
    assert not await store.find(ParkedFilter())
    stop.set()
    await running
