"""The public lists of vehicles: one statement a page, whatever its place and filter.

A page walks an index from where the last page ended. Each index starts with what a filter fixes and
goes on with price and id; a range of years fixes nothing, so it is read as one such walk for each year.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_vehicle.adapters.postgres.connect import unavailable_when_unreachable
from autodeal_vehicle.adapters.postgres.read_rows import (
    order_columns,
    read_order,
    read_vehicle,
    vehicle_columns,
)
from autodeal_vehicle.adapters.postgres.tables import (
    IS_FOR_SALE,
    IS_PAID,
    VEHICLE,
    VEHICLE_BRAND,
    VEHICLE_SOLD,
)
from autodeal_vehicle.app.find_vehicles import SoldVehicle, VehicleFilter
from autodeal_vehicle.app.page import PageRequest
from autodeal_vehicle.domain.vehicle import Vehicle, search_key


class PostgresShowroom:
    """Implements Showroom."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def vehicle(self, vehicle_id: int) -> Vehicle | None:
        """Return a vehicle."""
        statement = (
            select(*vehicle_columns())
            .select_from(VEHICLE.join(VEHICLE_BRAND))
            .where(VEHICLE.c.id == vehicle_id)
        )
        rows = await self._fetch(statement)
        return read_vehicle(rows[0]) if rows else None

    async def for_sale(self, wanted: VehicleFilter, page: PageRequest) -> Sequence[Vehicle]:
        """Return available vehicles by price and id."""
        return [read_vehicle(row) for row in await self._fetch(select_for_sale(wanted, page))]

    async def sold(self, buyer_id: str | None, page: PageRequest) -> Sequence[SoldVehicle]:
        """Return sold vehicles by sold price and order id."""
        return [
            SoldVehicle(vehicle=read_vehicle(row), order=read_order(row))
            for row in await self._fetch(select_sold(buyer_id, page))
        ]

    async def _fetch(self, statement: Select[Any]) -> Sequence[Any]:
        with unavailable_when_unreachable():
            async with self._engine.connect() as connection:
                rows: Sequence[Any] = (await connection.execute(statement)).mappings().all()
                return rows


def select_for_sale(wanted: VehicleFilter, page: PageRequest) -> Select[Any]:
    """Return the statement of a page of vehicles for sale; brands are looked up for the rows shown only."""
    fixes_nothing = not any((wanted.brand, wanted.model, wanted.color))
    if fixes_nothing and wanted.year_min != wanted.year_max:
        shown = _walk_year_by_year(wanted, page).subquery("shown")
    else:
        shown = _walk(select(VEHICLE), wanted, page).where(*_year_conditions(wanted)).subquery("shown")
    return (
        select(*vehicle_columns(shown))
        .select_from(shown.join(VEHICLE_BRAND, VEHICLE_BRAND.c.id == shown.c.brand_id))
        .order_by(shown.c.price_cents, shown.c.id)
    )


def _walk(columns: Select[Any], wanted: VehicleFilter, page: PageRequest) -> Select[Any]:
    return (
        columns.where(IS_FOR_SALE, *_price_conditions(wanted, page), *_name_conditions(wanted))
        .order_by(VEHICLE.c.price_cents, VEHICLE.c.id)
        .limit(page.limit + 1)
    )


def _walk_year_by_year(wanted: VehicleFilter, page: PageRequest) -> Select[Any]:
    """Return the cheapest of the cheapest of each year; only these are read from the table itself."""
    years = _years(wanted)
    keys = select(VEHICLE.c.id, VEHICLE.c.price_cents).where(VEHICLE.c.year == years.c.year)
    of_one_year = _walk(keys, wanted, page).lateral("of_one_year")
    cheapest = (
        select(of_one_year.c.id)
        .select_from(years.join(of_one_year, true()))
        .order_by(of_one_year.c.price_cents, of_one_year.c.id)
        .limit(page.limit + 1)
        .subquery("cheapest")
    )
    return select(VEHICLE).join(cheapest, cheapest.c.id == VEHICLE.c.id)


def _price_conditions(wanted: VehicleFilter, page: PageRequest) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if page.after is not None:
        last_seen = tuple_(*(literal(key, BigInteger) for key in page.after))
        conditions.append(tuple_(VEHICLE.c.price_cents, VEHICLE.c.id) > last_seen)
    if wanted.price_min_cents is not None:
        conditions.append(VEHICLE.c.price_cents >= wanted.price_min_cents)
    if wanted.price_max_cents is not None:
        conditions.append(VEHICLE.c.price_cents <= wanted.price_max_cents)
    return conditions


def _name_conditions(wanted: VehicleFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.brand is not None:
        brand = select(VEHICLE_BRAND.c.id).where(VEHICLE_BRAND.c.name_key == search_key(wanted.brand))
        conditions.append(VEHICLE.c.brand_id == brand.scalar_subquery())
    if wanted.model is not None:
        conditions.append(VEHICLE.c.model_key == search_key(wanted.model))
    if wanted.color is not None:
        conditions.append(VEHICLE.c.color_key == search_key(wanted.color))
    return conditions


def _year_conditions(wanted: VehicleFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.year_min is not None and wanted.year_min == wanted.year_max:
        return [VEHICLE.c.year == wanted.year_min]
    if wanted.year_min is not None:
        conditions.append(VEHICLE.c.year >= wanted.year_min)
    if wanted.year_max is not None:
        conditions.append(VEHICLE.c.year <= wanted.year_max)
    return conditions


def _years(wanted: VehicleFilter) -> FromClause:
    """Return the wanted years among those on offer; an open end stops at the oldest or newest of these."""
    oldest = select(func.min(VEHICLE.c.year)).where(IS_FOR_SALE).scalar_subquery()
    newest = select(func.max(VEHICLE.c.year)).where(IS_FOR_SALE).scalar_subquery()
    first = func.greatest(oldest, literal(wanted.year_min, Integer))
    last = func.least(newest, literal(wanted.year_max, Integer))
    return func.generate_series(first, last).table_valued("year", name="years").render_derived()


def select_sold(buyer_id: str | None, page: PageRequest) -> Select[Any]:
    """Return the statement of a page of sold vehicles."""
    walk = select(VEHICLE_SOLD).where(IS_PAID)
    if buyer_id is not None:
        walk = walk.where(VEHICLE_SOLD.c.buyer_id == buyer_id)
    if page.after is not None:
        last_seen = tuple_(*(literal(key, BigInteger) for key in page.after))
        walk = walk.where(tuple_(VEHICLE_SOLD.c.price_cents, VEHICLE_SOLD.c.id) > last_seen)
    shown = (
        walk.order_by(VEHICLE_SOLD.c.price_cents, VEHICLE_SOLD.c.id).limit(page.limit + 1).subquery("shown")
    )
    return (
        select(*vehicle_columns(), *order_columns(shown))
        .select_from(shown.join(VEHICLE, VEHICLE.c.id == shown.c.vehicle_id).join(VEHICLE_BRAND))
        .order_by(shown.c.price_cents, shown.c.id)
    )
