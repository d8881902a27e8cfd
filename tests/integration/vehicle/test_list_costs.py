"""Lists cost the same at their first and their last page, sorted and filtered, and never a query a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Select, event
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_contracts.saga import OrderState
from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.compile_statement import CompiledStatement
from autodeal_vehicle.adapters.postgres.connect import create_engine
from autodeal_vehicle.adapters.postgres.order_book import PostgresOrderBook, select_orders
from autodeal_vehicle.adapters.postgres.showroom import PostgresShowroom, select_for_sale, select_sold
from autodeal_vehicle.app.find_vehicles import VehicleFilter
from autodeal_vehicle.app.page import PageRequest
from autodeal_vehicle.settings import DatabaseSettings

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

VEHICLES = 60_000
ORDERS = 10_000
SEED = f"""
    INSERT INTO vehicle_brand (name, name_key)
    SELECT 'Brand ' || n, 'brand ' || n FROM generate_series(0, 29) n;
    INSERT INTO vehicle (brand_id, model, model_key, year, color, color_key, price_cents, status, version,
                         created_at, updated_at)
    SELECT 1 + n % 30, 'Model ' || n % 200, 'model ' || n % 200, 1990 + n % 36, 'Color ' || n % 11,
           'color ' || n % 11, 1000000 + (n::bigint * 7919) % 9000000,
           CASE WHEN n <= {ORDERS} THEN 'sold' ELSE 'available' END, 1, now(), now()
    FROM generate_series(1, {VEHICLES + ORDERS}) n;
    INSERT INTO vehicle (brand_id, model, model_key, year, color, color_key, price_cents, status, version,
                         created_at, updated_at)
    VALUES (1, 'Rare', 'rare', 1950, 'Rosa', 'rosa', 500, 'available', 1, now(), now());
    INSERT INTO vehicle_sold (id, vehicle_id, buyer_id, status, price_cents, payment_method, created_at,
                              expires_at, sold_at, event_sequence, version)
    SELECT id, id, 'buyer-' || id % 50, 'sold', price_cents, 'pix', now(), now(), now(), 1, 1
    FROM vehicle WHERE status = 'sold';
    INSERT INTO order_timeline SELECT id, 1, now(), 'sale.initialized', '{{}}' FROM vehicle_sold;
"""
FILTERS = {
    "none": VehicleFilter(),
    "brand": VehicleFilter(brand="Brand 3"),
    "model": VehicleFilter(model="Model 7"),
    "color": VehicleFilter(color="Color 5"),
    "brand and color": VehicleFilter(brand="Brand 3", color="Color 5"),
    "one year": VehicleFilter(year_min=2001, year_max=2001),
    "price range": VehicleFilter(price_min_cents=4_000_000, price_max_cents=8_000_000),
    "brand and price": VehicleFilter(brand="Brand 3", price_min_cents=4_000_000),
    "rare color": VehicleFilter(color="Rosa"),
    "rare year": VehicleFilter(year_min=1950, year_max=1950),
    "unknown brand": VehicleFilter(brand="nobody"),
}
SPREAD_FILTERS = {
    "brand and model": VehicleFilter(brand="Brand 7", model="Model 7"),
    "years from": VehicleFilter(year_min=2010),
    "years to": VehicleFilter(year_max=1999),
    "brand and years": VehicleFilter(brand="Brand 3", year_min=2000, year_max=2005),
    "color and years": VehicleFilter(color="Color 5", year_min=2000, year_max=2005),
    "everything": VehicleFilter(
        brand="Brand 7", model="Model 7", color="Color 5", year_min=1995, year_max=2020
    ),
}
PAGE_BUFFERS = 40
"""21 rows, the way down an index, and the brands."""
SPREAD_BUFFERS = 300
"""A range of years is one short walk for each year, or sorts out entries inside one index."""


@pytest.fixture
async def seeded(database: Connection) -> Connection:
    await database.execute(SEED)
    await database.execute("VACUUM ANALYZE")
    return database


async def buffers_of(connection: Connection, statement: Select[Any]) -> tuple[int, int]:
    """Run a statement; return the buffers it touched and the rows it gave."""
    compiled = CompiledStatement(statement)
    values = [constant for _, constant in compiled.parameters]
    text = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {compiled.text}"
    (plan,) = json.loads(await connection.fetchval(text, *values))
    top = plan["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"], int(top["Actual Rows"])


async def last_page(connection: Connection, wanted: VehicleFilter) -> PageRequest:
    """Return the page that shows the last vehicles of a list."""
    everything = select_for_sale(wanted, PageRequest(limit=10**6))
    compiled = CompiledStatement(everything)
    rows = await connection.fetch(compiled.text, *(constant for _, constant in compiled.parameters))
    if len(rows) <= 21:
        return PageRequest()
    last = rows[-22]
    return PageRequest(after=(last["vehicle_price_cents"], last["vehicle_id"]))


async def test_pages_cost_the_same_when_first_or_last(seeded: Connection) -> None:
    costs: dict[str, tuple[int, int]] = {}
    for name, wanted in {**FILTERS, **SPREAD_FILTERS}.items():
        first, _ = await buffers_of(seeded, select_for_sale(wanted, PageRequest()))
        last, rows = await buffers_of(seeded, select_for_sale(wanted, await last_page(seeded, wanted)))
        costs[name] = (first, last)
        assert rows <= 21, name
    print(costs)  # noqa: T201  told when a limit is broken
    assert {name: cost for name, cost in costs.items() if name in FILTERS and max(cost) > PAGE_BUFFERS} == {}
    assert {name: cost for name, cost in costs.items() if max(cost) > SPREAD_BUFFERS} == {}


async def test_sold_vehicles_and_orders_cost_little_when_listed(seeded: Connection) -> None:
    middle = await seeded.fetchrow(
        "SELECT price_cents, id FROM vehicle_sold ORDER BY price_cents DESC, id DESC OFFSET 30 LIMIT 1"
    )
    assert middle is not None
    late = PageRequest(after=(middle["price_cents"], middle["id"]))
    statements = {
        "sold": select_sold(None, PageRequest()),
        "sold, late": select_sold(None, late),
        "sold to one": select_sold("buyer-3", PageRequest()),
        "sold to one, late": select_sold("buyer-3", late),
        "orders": select_orders(None, None, PageRequest()),
        "orders, late": select_orders(None, None, PageRequest(after=(30,))),
        "orders of one": select_orders("buyer-3", None, PageRequest()),
        "orders of one, sold": select_orders("buyer-3", OrderState.SOLD, PageRequest()),
        "failed refunds": select_orders(None, OrderState.REFUND_FAILED, PageRequest()),
    }
    costs = {name: (await buffers_of(seeded, statement))[0] for name, statement in statements.items()}
    print(costs)  # noqa: T201  told when a limit is broken
    # A row shown takes a look-up of its vehicle, or of its timeline: four buffers each.
    assert {name: cost for name, cost in costs.items() if cost > 21 * 6 + 20} == {}


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_every_list_takes_one_statement_when_it_is_long(seeded: Connection, database_url: str) -> None:
    engine = create_engine(DatabaseSettings(database_url=Secret(database_url)), "test")
    showroom, orders = PostgresShowroom(engine), PostgresOrderBook(engine)
    page = PageRequest(limit=100)
    with counted(engine) as statements:
        assert len(await showroom.for_sale(VehicleFilter(), page)) == 101
        assert len(await showroom.for_sale(VehicleFilter(year_min=2000), page)) == 101
        assert len(await showroom.sold(None, page)) == 101
        assert len(await orders.orders(None, None, page)) == 101
        assert len(await orders.orders("buyer-3", None, page)) == 101
        assert await orders.order(1) is not None
    await engine.dispose()
    assert len(statements) == 6
