"""Anyone looks at vehicles: one of them, those for sale, those sold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from autodeal_vehicle.app.page import Page, PageRequest, cut_page, read_cursor
from autodeal_vehicle.app.views import SoldVehicleView, VehicleView, show_sold_vehicle, show_vehicle
from autodeal_vehicle.domain.errors import VehicleNotFoundError
from autodeal_vehicle.domain.order import Order
from autodeal_vehicle.domain.vehicle import Vehicle

FOR_SALE = "for_sale"
SOLD = "sold"


@dataclass(frozen=True, kw_only=True, slots=True)
class VehicleFilter:
    """What narrows the list of vehicles for sale; names are compared without regard to case."""

    brand: str | None = None
    model: str | None = None
    color: str | None = None
    year_min: int | None = None
    year_max: int | None = None
    price_min_cents: int | None = None
    price_max_cents: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SoldVehicle:
    """A sold vehicle and the order that bought it."""

    vehicle: Vehicle
    order: Order


class Showroom(Protocol):
    """Reads vehicles; each method takes one statement, however long the list."""

    async def vehicle(self, vehicle_id: int) -> Vehicle | None:
        """Return a vehicle."""
        ...

    async def for_sale(self, wanted: VehicleFilter, page: PageRequest) -> Sequence[Vehicle]:
        """Return available vehicles by price and id, one more than the page's limit if there are."""
        ...

    async def sold(self, buyer_id: str | None, page: PageRequest) -> Sequence[SoldVehicle]:
        """Return sold vehicles by sold price and order id, one more than the page's limit if there are."""
        ...


@dataclass(frozen=True)
class FindVehicles:
    """The public lists."""

    showroom: Showroom

    async def one(self, vehicle_id: int) -> VehicleView:
        """Return a vehicle; raises VehicleNotFoundError."""
        vehicle = await self.showroom.vehicle(vehicle_id)
        if vehicle is None:
            raise VehicleNotFoundError(vehicle_id)
        return show_vehicle(vehicle)

    async def for_sale(self, wanted: VehicleFilter, limit: int, cursor: str | None) -> Page[VehicleView]:
        """Return a page of what can be bought, cheapest first; raises InvalidCursorError."""
        after = read_cursor(cursor, FOR_SALE, 2)
        rows = await self.showroom.for_sale(wanted, PageRequest(limit=limit, after=after))
        page = cut_page(rows, limit, FOR_SALE, lambda row: (row.details.price_cents, row.id))
        return page.shown(show_vehicle)

    async def sold(self, buyer_id: str | None, limit: int, cursor: str | None) -> Page[SoldVehicleView]:
        """Return a page of what was sold, cheapest first, of one buyer if given.

        Raises InvalidCursorError. Who may ask for a buyer is for the caller to check.
        """
        after = read_cursor(cursor, SOLD, 2)
        rows = await self.showroom.sold(buyer_id, PageRequest(limit=limit, after=after))
        page = cut_page(rows, limit, SOLD, lambda row: (row.order.price_cents, row.order.id))
        return page.shown(lambda row: show_sold_vehicle(row.vehicle, row.order))
