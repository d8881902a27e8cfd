"""The stores under test: the fake and PostgreSQL, behind the same ports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.connect import create_engine, create_sale_pool
from autodeal_vehicle.adapters.postgres.migrate_database import migrate_database
from autodeal_vehicle.adapters.postgres.order_book import PostgresOrderBook
from autodeal_vehicle.adapters.postgres.sale_desk import PostgresSaleDesk
from autodeal_vehicle.adapters.postgres.showroom import PostgresShowroom
from autodeal_vehicle.adapters.postgres.unit_of_work import PostgresStore
from autodeal_vehicle.app.find_orders import OrderBook
from autodeal_vehicle.app.find_vehicles import Showroom
from autodeal_vehicle.app.initialize_sale import SaleDesk
from autodeal_vehicle.app.memory_store import MemoryStore
from autodeal_vehicle.app.unit_of_work import Store
from autodeal_vehicle.settings import DatabaseSettings


@dataclass(frozen=True)
class Stores:
    """Every port that stores, of one implementation."""

    store: Store
    desk: SaleDesk
    showroom: Showroom
    orders: OrderBook


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    found = request.getfixturevalue(f"{request.param}_stores")
    assert isinstance(found, Stores)
    return found


@pytest.fixture
def memory_stores() -> Stores:
    memory = MemoryStore()
    return Stores(store=memory, desk=memory, showroom=memory, orders=memory)


@pytest.fixture
async def postgres_stores(postgres_url: str) -> AsyncIterator[Stores]:
    await migrate_database(DatabaseSettings(database_url=Secret(postgres_url)))
    settings = DatabaseSettings(database_url=Secret(postgres_url), database_pool_size=8)
    engine = create_engine(settings, "test")
    try:
        async with create_sale_pool(settings, "test") as pool:
            yield Stores(
                store=PostgresStore(engine, 64),
                desk=PostgresSaleDesk(pool, acquire_timeout_seconds=10, outbox_shards=64),
                showroom=PostgresShowroom(engine),
                orders=PostgresOrderBook(engine),
            )
    finally:
        await engine.dispose()
