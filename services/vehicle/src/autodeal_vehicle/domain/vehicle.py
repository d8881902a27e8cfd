"""A vehicle on offer: what describes it and who may change it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime

from autodeal_contracts.saga import VehicleState
from autodeal_vehicle.domain.errors import (
    InvalidVehicleError,
    VehicleNotAvailableError,
    VehicleNotEditableError,
)

FIRST_YEAR = 1886
"""The year of the first motor car."""
MAX_PRICE_CENTS = 999_999_999_999
MAX_NAME_LENGTH = 80


def tidy(text: str) -> str:
    """Return a name as it is shown: composed characters, single spaces, nothing at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def search_key(text: str) -> str:
    """Return a name as it is compared: two names with one key are the same brand, model or color."""
    return unicodedata.normalize("NFKC", tidy(text)).casefold()


@dataclass(frozen=True, kw_only=True, slots=True)
class VehicleDetails:
    """What an administrator says about a vehicle."""

    brand_name: str
    model: str
    year: int
    color: str
    price_cents: int

    @classmethod
    def checked(
        cls, *, brand_name: str, model: str, year: int, color: str, price_cents: int, this_year: int
    ) -> VehicleDetails:
        """Return tidy details, or raise InvalidVehicleError naming the first field without sense.

        Next year's models are sold already, later ones are typing errors.
        """
        names = {"brand_name": tidy(brand_name), "model": tidy(model), "color": tidy(color)}
        for field, text in names.items():
            if not text or len(text) > MAX_NAME_LENGTH:
                raise InvalidVehicleError(field, f"must have 1 to {MAX_NAME_LENGTH} characters")
            if not text.isprintable():
                raise InvalidVehicleError(field, "must hold printable characters only")
        if not FIRST_YEAR <= year <= this_year + 1:
            raise InvalidVehicleError("year", f"must lie between {FIRST_YEAR} and {this_year + 1}")
        if not 0 < price_cents <= MAX_PRICE_CENTS:
            raise InvalidVehicleError("price", "must be above 0 and at most 9999999999.99")
        return cls(**names, year=year, price_cents=price_cents)


@dataclass(frozen=True, kw_only=True, slots=True)
class Vehicle:
    """One car, with its own id: several of one model may be on offer."""

    id: int
    details: VehicleDetails
    status: VehicleState
    version: int
    """Raised by every change, so that a write can demand what its decision was based on."""
    created_at: datetime
    updated_at: datetime

    def edited(self, details: VehicleDetails, now: datetime) -> Vehicle:
        """Return the vehicle with other details; a reserved or sold one is not changed any more."""
        if self.status is not VehicleState.AVAILABLE:
            raise VehicleNotEditableError(self.id)
        return replace(self, details=details, version=self.version + 1, updated_at=now)

    def require_available(self) -> None:
        """Raise VehicleNotAvailableError when somebody has a claim on the vehicle."""
        if self.status is not VehicleState.AVAILABLE:
            raise VehicleNotAvailableError(self.id)
