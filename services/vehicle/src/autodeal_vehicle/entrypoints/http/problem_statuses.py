"""This service's errors as HTTP statuses; nothing else here knows both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autodeal_vehicle.app import errors as app_errors
from autodeal_vehicle.domain import errors

STATUSES: Final[Mapping[type[Exception], int]] = {
    app_errors.InvalidCursorError: 400,
    errors.VehicleNotFoundError: 404,
    errors.OrderNotFoundError: 404,
    errors.VehicleNotAvailableError: 409,
    errors.VehicleNotEditableError: 409,
    errors.OrderNotDraftError: 409,
    errors.OrderNotRefundableError: 409,
    errors.PickupNotPossibleError: 409,
    app_errors.StoreUnavailableError: 503,
}
