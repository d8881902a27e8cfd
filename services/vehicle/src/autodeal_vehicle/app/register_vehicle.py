"""An administrator puts a vehicle on offer."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.answer_once import answer_once
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store, UnitOfWork, UnsafeRequest
from autodeal_vehicle.app.views import VehicleView, show_vehicle
from autodeal_vehicle.domain.vehicle import VehicleDetails


@dataclass(frozen=True)
class RegisterVehicle:
    """Adds a vehicle, and its brand when it is the first of it."""

    store: Store
    surroundings: Surroundings

    async def __call__(self, details: VehicleDetails, request: UnsafeRequest) -> StoredAnswer:
        """Return the new vehicle."""
        now = self.surroundings.clock()

        async def act(work: UnitOfWork) -> VehicleView:
            return show_vehicle(await work.add_vehicle(details, now))

        return await answer_once(self.store, self.surroundings, request, act)
