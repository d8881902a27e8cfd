"""The use cases that routes call; `bootstrap` makes them."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_vehicle.app.cancel_order import CancelOrder
from autodeal_vehicle.app.confirm_pickup import ConfirmPickup
from autodeal_vehicle.app.edit_vehicle import EditVehicle
from autodeal_vehicle.app.find_orders import FindOrders
from autodeal_vehicle.app.find_vehicles import FindVehicles
from autodeal_vehicle.app.follow_order import FollowOrder
from autodeal_vehicle.app.initialize_sale import InitializeSale
from autodeal_vehicle.app.refund_order import RefundOrder
from autodeal_vehicle.app.register_vehicle import RegisterVehicle


@dataclass(frozen=True, kw_only=True)
class UseCases:
    """Everything that can be asked over HTTP."""

    find_vehicles: FindVehicles
    register_vehicle: RegisterVehicle
    edit_vehicle: EditVehicle
    initialize_sale: InitializeSale
    confirm_pickup: ConfirmPickup
    find_orders: FindOrders
    follow_order: FollowOrder
    cancel_order: CancelOrder
    refund_order: RefundOrder
