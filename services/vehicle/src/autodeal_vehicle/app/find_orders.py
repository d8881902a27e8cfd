"""A buyer looks at their orders; an administrator at everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from autodeal_contracts.saga import OrderState
from autodeal_vehicle.app.page import Page, PageRequest, cut_page, read_cursor
from autodeal_vehicle.app.views import OrderView, show_order
from autodeal_vehicle.domain.errors import OrderNotFoundError
from autodeal_vehicle.domain.order import Order, TimelineEntry

ORDERS = "orders"


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewer:
    """Who is asking."""

    subject: str
    is_admin: bool

    def may_see(self, buyer_id: str) -> bool:
        """Tell whether an order of this buyer may be shown; to others it does not exist."""
        return self.is_admin or self.subject == buyer_id


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderWithTimeline:
    """An order and what happened to it, read in one moment."""

    order: Order
    timeline: Sequence[TimelineEntry]


class OrderBook(Protocol):
    """Reads orders; each method takes one statement, however long the list."""

    async def order(self, order_id: int) -> OrderWithTimeline | None:
        """Return an order with its timeline."""
        ...

    async def orders(
        self, buyer_id: str | None, status: OrderState | None, page: PageRequest
    ) -> Sequence[OrderWithTimeline]:
        """Return orders, newest first, one more than the page's limit if there are."""
        ...

    async def entries_after(self, order_id: int, sequence: int) -> OrderWithTimeline | None:
        """Return an order with the timeline entries that come after a sequence number."""
        ...


@dataclass(frozen=True)
class FindOrders:
    """Orders, for those who may see them."""

    orders: OrderBook

    async def one(self, order_id: int, viewer: Viewer) -> OrderView:
        """Return an order; raises OrderNotFoundError when there is none that the viewer may see."""
        found = await self.orders.order(order_id)
        if found is None or not viewer.may_see(found.order.buyer_id):
            raise OrderNotFoundError(order_id)
        return show_order(found.order, found.timeline)

    async def many(
        self, viewer: Viewer, buyer_id: str | None, status: OrderState | None, limit: int, cursor: str | None
    ) -> Page[OrderView]:
        """Return a page of orders, newest first: the viewer's own, or for an administrator anyone's."""
        wanted = buyer_id if viewer.is_admin else viewer.subject
        after = read_cursor(cursor, ORDERS, 1)
        rows = await self.orders.orders(wanted, status, PageRequest(limit=limit, after=after))
        page = cut_page(rows, limit, ORDERS, lambda row: (row.order.id,))
        return page.shown(lambda row: show_order(row.order, row.timeline))
