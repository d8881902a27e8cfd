"""An administrator corrects a vehicle that nobody has reserved yet."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.answer_once import answer_once
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store, UnitOfWork, UnsafeRequest
from autodeal_vehicle.app.views import VehicleView, show_vehicle
from autodeal_vehicle.domain.errors import VehicleNotFoundError
from autodeal_vehicle.domain.vehicle import VehicleDetails


@dataclass(frozen=True)
class EditVehicle:
    """Replaces what is said about a vehicle."""

    store: Store
    surroundings: Surroundings

    async def __call__(
        self, vehicle_id: int, details: VehicleDetails, request: UnsafeRequest
    ) -> StoredAnswer:
        """Return the vehicle as it is now; raises VehicleNotFoundError and VehicleNotEditableError."""
        now = self.surroundings.clock()

        async def act(work: UnitOfWork) -> VehicleView:
            vehicle = await work.vehicle_to_change(vehicle_id)
            if vehicle is None:
                raise VehicleNotFoundError(vehicle_id)
            return show_vehicle(await work.save_vehicle(vehicle.edited(details, now)))

        return await answer_once(self.store, self.surroundings, request, act)
