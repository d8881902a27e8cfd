"""The example of the README is run as it stands there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.integration.messaging.consumer_stage import Until

import autodeal_messaging
from autodeal_contracts.envelope import Envelope
from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedFilter, ParkedState
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration

README = Path(autodeal_messaging.__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LONGEST = 35
"""So many lines of code, without blank ones, are still an example."""


class Topic:
    partitions = 2

    def __init__(self, name: str) -> None:
        self.name = name
        self.config: dict[str, str] = {}


def blocks() -> tuple[str, str]:
    """Return the example and its imports."""
    program, imports = BLOCK.findall(README.read_text(encoding="utf-8"))
    return program, imports


@pytest.fixture
def example(topic_prefix: str) -> Any:
    program, imports = blocks()
    # A broker is shared by all tests, so that names have to be a test's own.
    program = program.replace('"stock.v1"', f'"{topic_prefix}stock.v1"')
    program = program.replace('"shipping"', f'"{topic_prefix}shipping"')
    found: dict[str, Any] = {}
    exec(compile(imports + program, str(README), "exec"), found)  # that is the test
    return SimpleNamespace(**found)


@pytest_asyncio.fixture(loop_scope="session")
async def engine(postgres_url: str, example: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(example.metadata.create_all)
        await connection.execute(insert(example.stock).values(sku="lamp", version=0))
    yield engine
    await engine.dispose()


def test_the_example_stays_short() -> None:
    program, _ = blocks()
    assert sum(1 for line in program.splitlines() if line.strip()) <= LONGEST


async def test_what_the_readme_promises_happens_when_its_example_runs(
    *, example: Any, engine: AsyncEngine, postgres_url: str, kafka_settings: KafkaSettings, until: Until
) -> None:
    await ensure_topics(kafka_settings, [Topic(example.TOPIC), Topic(f"{example.GROUP}.dlq")])
    nudge, stop = Nudge(), asyncio.Event()
    operator = ParkingOperator(PostgresParkingStore(engine, example.GROUP), "ana@desk")

    def has_shipped(count: int) -> Callable[[], Awaitable[bool]]:
        async def has() -> bool:
            statement = select(example.shipped.c.version)
            async with engine.connect() as connection:
                return [*await connection.scalars(statement)] == list(range(1, count + 1))

        return has

    async def has_dead() -> bool:
        return bool(await operator.find(ParkedFilter(state=ParkedState.DEAD)))

    working = asyncio.create_task(example.work(engine, postgres_url, kafka_settings, nudge, stop))
    try:
        for _ in range(3):
            await example.take(engine, "lamp", nudge)
        await until(has_shipped(3))
        await send_what_no_schema_knows(kafka_settings, example)
        await until(has_dead)
        await example.take(engine, "lamp", nudge)
        [dead] = await operator.find(ParkedFilter(state=ParkedState.DEAD))
        assert dead.last_error.startswith("ValidationError: ")
        await operator.discard(dead.id, "nobody knows it")
        await until(has_shipped(4))
    finally:
        stop.set()
        await working


async def send_what_no_schema_knows(settings: KafkaSettings, example: Any) -> None:
    producer: AIOKafkaProducer = make_producer(settings)
    stranger = Envelope(
        topic=example.TOPIC, key="lamp", id="stranger", type="stock.taken", source="/elsewhere",
        subject="stock/lamp", time=example.datetime.now(example.UTC), sequence=1, correlation_id="lamp",
        data=b'{"barcode":1}',
    )  # fmt: skip
    await producer.start()
    try:
        await producer.send_and_wait(
            stranger.topic, key=b"lamp", value=stranger.data, headers=stranger.headers()
        )
    finally:
        await producer.stop()
