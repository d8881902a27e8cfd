"""What describes a vehicle, and who may change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from autodeal_contracts.saga import VehicleState
from autodeal_vehicle.domain.errors import InvalidVehicleError, VehicleNotEditableError
from autodeal_vehicle.domain.vehicle import VehicleDetails, search_key

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer

GOOD: dict[str, Any] = {
    "brand_name": "Fiat",
    "model": "Uno",
    "year": 2024,
    "color": "prata",
    "price_cents": 1,
    "this_year": 2025,
}


def test_names_are_tidied_when_accepted() -> None:
    details = VehicleDetails.checked(**GOOD | {"brand_name": "  Land   Rover\t", "model": "E\u0301lan"})
    assert (details.brand_name, details.model) == ("Land Rover", "Élan")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("brand_name", "   "),
        ("model", ""),
        ("color", "x" * 81),
        ("model", "a\u200bb"),
        ("model", "a\x07b"),
        ("year", 1885),
        ("year", 2027),
        ("price_cents", 0),
        ("price_cents", -1),
        ("price_cents", 1_000_000_000_000),
    ],
)
def test_field_is_named_when_it_has_no_sense(field: str, value: object) -> None:
    with pytest.raises(InvalidVehicleError) as caught:
        VehicleDetails.checked(**GOOD | {field: value})
    assert caught.value.field == field.removesuffix("_cents")


@pytest.mark.parametrize(("year", "price_cents"), [(1886, 1), (2026, 999_999_999_999)])
def test_details_are_accepted_when_at_the_bounds(year: int, price_cents: int) -> None:
    assert VehicleDetails.checked(**GOOD | {"year": year, "price_cents": price_cents}).year == year


@pytest.mark.parametrize(
    ("one", "other"), [("Fiat", "FIAT"), ("Citroën", "CITROËN"), ("Land Rover", " land  rover ")]
)
def test_names_are_one_when_they_differ_in_case_or_space(one: str, other: str) -> None:
    assert search_key(one) == search_key(other)


@pytest.mark.parametrize("state", [VehicleState.RESERVED, VehicleState.SOLD])
def test_vehicle_is_not_edited_when_somebody_claims_it(dealer: Dealer, state: VehicleState) -> None:
    vehicle = dealer.offer(state=state)
    with pytest.raises(VehicleNotEditableError):
        vehicle.edited(vehicle.details, dealer.now)


def test_version_rises_when_a_vehicle_is_edited(dealer: Dealer) -> None:
    vehicle = dealer.offer()
    assert vehicle.edited(vehicle.details, dealer.now).version == vehicle.version + 1
