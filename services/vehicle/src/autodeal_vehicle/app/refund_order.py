"""An administrator returns a buyer's money; the payment service does it, the vehicle comes back after."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.answer_once import answer_once
from autodeal_vehicle.app.change_order import save_change
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store, UnitOfWork, UnsafeRequest
from autodeal_vehicle.app.views import OrderView
from autodeal_vehicle.domain.change_order import request_refund
from autodeal_vehicle.domain.errors import OrderNotFoundError


@dataclass(frozen=True)
class RefundOrder:
    """Asks for the refund of a sold order."""

    store: Store
    surroundings: Surroundings

    async def __call__(self, order_id: int, request: UnsafeRequest) -> StoredAnswer:
        """Return the order that is being refunded; raises OrderNotFoundError, OrderNotRefundableError."""

        async def act(work: UnitOfWork) -> OrderView:
            order = await work.order_to_change(order_id)
            if order is None:
                raise OrderNotFoundError(order_id)
            now = self.surroundings.clock()
            return await save_change(work, request_refund(order, now), now, self.surroundings)

        answer = await answer_once(self.store, self.surroundings, request, act)
        self.surroundings.bell.order_changed(order_id)
        return answer
