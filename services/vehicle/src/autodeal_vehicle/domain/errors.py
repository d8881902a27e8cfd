"""What the rules of selling refuse. Each error has a stable code; none knows of HTTP."""

from __future__ import annotations

from typing import ClassVar


class SellingError(Exception):
    """A rule of this service refused an act. `context` tells which things it was about."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.context: dict[str, object] = context


class VehicleNotFoundError(SellingError):
    """No vehicle has this id."""

    code = "vehicle_not_found"

    def __init__(self, vehicle_id: int) -> None:
        super().__init__("There is no such vehicle.", vehicle_id=vehicle_id)


class VehicleNotAvailableError(SellingError):
    """Someone else reserved or bought the vehicle first."""

    code = "vehicle_not_available"

    def __init__(self, vehicle_id: int) -> None:
        super().__init__("The vehicle is reserved or sold.", vehicle_id=vehicle_id)


class VehicleNotEditableError(SellingError):
    """A vehicle is only changed while nobody has a claim on it."""

    code = "vehicle_not_editable"

    def __init__(self, vehicle_id: int) -> None:
        super().__init__(
            "The vehicle is reserved or sold and is not changed any more.", vehicle_id=vehicle_id
        )


class InvalidVehicleError(SellingError):
    """A field of a vehicle has no sense."""

    code = "vehicle_invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}", field=field)
        self.field = field
        self.complaint = message


class OrderNotFoundError(SellingError):
    """No order has this id, or it belongs to somebody else: the asker cannot tell which."""

    code = "order_not_found"

    def __init__(self, order_id: int) -> None:
        super().__init__("There is no such order.", order_id=order_id)


class OrderNotDraftError(SellingError):
    """Only an order that still waits for its payment can be cancelled."""

    code = "order_not_draft"

    def __init__(self, order_id: int, status: str) -> None:
        super().__init__("The order is not a draft any more.", order_id=order_id, status=status)


class OrderNotRefundableError(SellingError):
    """There is no money of this order to give back."""

    code = "order_not_refundable"

    def __init__(self, order_id: int, status: str) -> None:
        super().__init__(
            "The order is not sold, so there is nothing to refund.", order_id=order_id, status=status
        )


class PickupNotPossibleError(SellingError):
    """A vehicle is handed over only when it is sold and paid."""

    code = "pickup_not_possible"

    def __init__(self, vehicle_id: int) -> None:
        super().__init__("The vehicle is not sold and paid.", vehicle_id=vehicle_id)
