"""An administrator hands a sold vehicle over to its buyer."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.answer_once import answer_once
from autodeal_vehicle.app.change_order import save_change
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store, UnitOfWork, UnsafeRequest
from autodeal_vehicle.app.views import OrderView
from autodeal_vehicle.domain.change_order import confirm_pickup
from autodeal_vehicle.domain.errors import PickupNotPossibleError, VehicleNotFoundError


@dataclass(frozen=True)
class ConfirmPickup:
    """Notes that the buyer has the vehicle."""

    store: Store
    surroundings: Surroundings

    async def __call__(self, vehicle_id: int, request: UnsafeRequest) -> StoredAnswer:
        """Return the order of the vehicle; raises VehicleNotFoundError and PickupNotPossibleError."""
        changed: list[int] = []

        async def act(work: UnitOfWork) -> OrderView:
            order = await work.claiming_order_to_change(vehicle_id)
            if order is None:
                if await work.vehicle_to_change(vehicle_id) is None:
                    raise VehicleNotFoundError(vehicle_id)
                raise PickupNotPossibleError(vehicle_id)
            changed.append(order.id)
            now = self.surroundings.clock()
            return await save_change(work, confirm_pickup(order, now), now, self.surroundings)

        answer = await answer_once(self.store, self.surroundings, request, act)
        for order_id in changed:
            self.surroundings.bell.order_changed(order_id)
        return answer
