"""A buyer, or an administrator for them, gives up an order that is not paid yet."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.answer_once import answer_once
from autodeal_vehicle.app.change_order import save_change
from autodeal_vehicle.app.find_orders import Viewer
from autodeal_vehicle.app.metrics import count_sale
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store, UnitOfWork, UnsafeRequest
from autodeal_vehicle.app.views import OrderView
from autodeal_vehicle.domain.change_order import cancel_by_buyer
from autodeal_vehicle.domain.errors import OrderNotFoundError
from autodeal_vehicle.domain.order import Change


@dataclass(frozen=True)
class CancelOrder:
    """Ends a draft order and sets its vehicle free."""

    store: Store
    surroundings: Surroundings

    async def __call__(self, order_id: int, viewer: Viewer, request: UnsafeRequest) -> StoredAnswer:
        """Return the cancelled order; raises OrderNotFoundError and OrderNotDraftError."""
        cancelled: Change | None = None

        async def act(work: UnitOfWork) -> OrderView:
            nonlocal cancelled
            order = await work.order_to_change(order_id)
            if order is None or not viewer.may_see(order.buyer_id):
                raise OrderNotFoundError(order_id)
            now = self.surroundings.clock()
            cancelled = cancel_by_buyer(order, now)
            return await save_change(work, cancelled, now, self.surroundings)

        answer = await answer_once(self.store, self.surroundings, request, act)
        if cancelled is not None:
            count_sale(cancelled)
        self.surroundings.bell.order_changed(order_id)
        return answer
