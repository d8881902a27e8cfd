"""Sample vehicles are plausible and always the same."""

from __future__ import annotations

from statistics import mean

from autodeal_devstack.stack.sample_vehicles import PRICES_NEW, sample_vehicles


def test_vehicles_are_the_same_when_the_seed_is() -> None:
    assert sample_vehicles(50, seed=7) == sample_vehicles(50, seed=7)
    assert sample_vehicles(50, seed=7) != sample_vehicles(50, seed=8)


def test_vehicles_are_of_known_models_with_prices_in_cents_when_drawn() -> None:
    for vehicle in sample_vehicles(500):
        assert vehicle.model in PRICES_NEW[vehicle.brand_name]
        assert 15_000 < vehicle.price < 320_000
        assert vehicle.price.as_tuple().exponent == -2


def test_older_vehicles_cost_less_when_the_model_is_the_same() -> None:
    argos = [vehicle for vehicle in sample_vehicles(5000) if vehicle.model == "Argo"]
    old = mean(vehicle.price for vehicle in argos if vehicle.year <= 2014)
    new = mean(vehicle.price for vehicle in argos if vehicle.year >= 2024)
    assert old < new


def test_electric_brand_has_no_old_vehicles_when_it_came_late() -> None:
    assert min(vehicle.year for vehicle in sample_vehicles(3000) if vehicle.brand_name == "BYD") == 2023
