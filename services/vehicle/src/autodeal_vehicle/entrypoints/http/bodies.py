"""What requests carry: bodies and parameters, checked before a use case sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from litestar.params import HeaderParameter, QueryParameter

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_platform.errors import InvalidFieldError
from autodeal_platform.json_codec import RequestBody
from autodeal_platform.money import Amount, Price, cents_from_decimal
from autodeal_vehicle.app.page import MAX_CURSOR_LENGTH, MAX_LIMIT
from autodeal_vehicle.domain.errors import InvalidVehicleError
from autodeal_vehicle.domain.vehicle import FIRST_YEAR, MAX_NAME_LENGTH, VehicleDetails

LATEST_YEAR = 9999
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)]

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="1 to 255 visible ASCII characters. Sent again with the same request, it gives the first "
        "answer again; with another request, 422. One is made when it is absent.",
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many to return at most.")]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=MAX_CURSOR_LENGTH, description="From the `Link` header of the page before."),
]
NameFilter = Annotated[str | None, QueryParameter(min_length=1, max_length=MAX_NAME_LENGTH)]
YearFilter = Annotated[int | None, QueryParameter(ge=FIRST_YEAR, le=LATEST_YEAR)]
AmountFilter = Annotated[Amount | None, QueryParameter(description="An amount with at most two decimals.")]
LastEventId = Annotated[
    int | None,
    HeaderParameter(
        name="Last-Event-ID", ge=0, le=2**31 - 1, description="The last entry seen; later ones follow."
    ),
]


class VehicleBody(RequestBody, frozen=True, kw_only=True):
    """A vehicle as an administrator describes it."""

    brand_name: Name
    model: Name
    year: Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=LATEST_YEAR)]
    color: Name
    price: Price

    def to_details(self) -> VehicleDetails:
        """Return the domain's own form; raises InvalidFieldError naming what has no sense."""
        try:
            return VehicleDetails.checked(
                brand_name=self.brand_name,
                model=self.model,
                year=self.year,
                color=self.color,
                price_cents=cents_from_decimal(self.price),
                this_year=datetime.now(UTC).year,
            )
        except InvalidVehicleError as error:
            raise InvalidFieldError(error.field, error.complaint) from error


class ChosenMethod(StrEnum):
    """How a buyer can say they will pay when they reserve; a card is paid by `POST /payment`."""

    PIX = "pix"
    BOLETO = "boleto"


class InitializeSaleBody(RequestBody, frozen=True, kw_only=True):
    """What a buyer may say when they reserve a vehicle."""

    payment_method: ChosenMethod = ChosenMethod.PIX

    @property
    def method(self) -> PaymentMethod:
        """Return the method as the events call it."""
        return PaymentMethod(self.payment_method.value)


def cents_or_none(amount: Amount | None) -> int | None:
    """Return a filter's amount in cents."""
    return None if amount is None else cents_from_decimal(amount)
