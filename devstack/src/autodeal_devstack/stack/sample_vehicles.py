"""Made-up vehicles of the Brazilian market, the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

FIRST_YEAR = 2012
LAST_YEAR = 2025
LOSS_A_YEAR = 0.085
"""The share of its price that a car loses each year, roughly."""
LEAST_SHARE = 0.25
COLORS = ("branco", "prata", "preto", "cinza", "vermelho", "azul", "marrom", "verde")
COLOR_WEIGHTS = (34, 20, 16, 14, 7, 6, 2, 1)
PRICES_NEW: dict[str, dict[str, int]] = {
    "Fiat": {"Argo": 89_990, "Mobi": 74_990, "Pulse": 109_990, "Toro": 154_990, "Strada": 109_990},
    "Volkswagen": {
        "Polo": 95_990,
        "Nivus": 139_990,
        "T-Cross": 149_990,
        "Saveiro": 107_990,
        "Virtus": 119_990,
    },
    "Chevrolet": {"Onix": 94_990, "Tracker": 139_990, "Spin": 119_990, "Montana": 134_990, "S10": 239_990},
    "Hyundai": {"HB20": 92_990, "Creta": 149_990, "HB20S": 102_990},
    "Toyota": {"Corolla": 158_990, "Corolla Cross": 169_990, "Hilux": 279_990, "Yaris": 107_990},
    "Honda": {"City": 122_990, "HR-V": 159_990, "Civic": 259_990, "WR-V": 144_990},
    "Renault": {"Kwid": 74_590, "Duster": 129_990, "Oroch": 122_990, "Kardian": 112_990},
    "Jeep": {"Renegade": 134_990, "Compass": 179_990, "Commander": 229_990},
    "Nissan": {"Kicks": 119_990, "Versa": 117_990, "Frontier": 239_990},
    "Ford": {"Ranger": 239_990, "Maverick": 219_990, "Territory": 199_990},
    "Peugeot": {"208": 84_990, "2008": 129_990},
    "Caoa Chery": {"Tiggo 5X": 119_990, "Tiggo 7": 144_990, "Tiggo 8": 179_990},
    "BYD": {"Dolphin": 159_800, "Dolphin Mini": 118_800, "Song Plus": 244_800},
}
"""What each model costs new, in reais."""
FIRST_YEARS = {"BYD": 2023, "Pulse": 2022, "Nivus": 2021, "T-Cross": 2019, "Kardian": 2024, "Maverick": 2022}
"""The first year of brands and models that are younger than the rest."""


@dataclass(frozen=True)
class SampleVehicle:
    """A vehicle as `POST /vehicle` takes it."""

    brand_name: str
    model: str
    year: int
    color: str
    price: Decimal


def sample_vehicles(count: int, seed: int = 1) -> list[SampleVehicle]:
    """Return so many vehicles."""
    chance = random.Random(seed)
    return [one_vehicle(chance) for _ in range(count)]


def one_vehicle(chance: random.Random) -> SampleVehicle:
    """Draw a vehicle; older ones cost less, and no two cost quite the same."""
    brand = chance.choice(list(PRICES_NEW))
    model = chance.choice(list(PRICES_NEW[brand]))
    first_year = FIRST_YEARS.get(model, FIRST_YEARS.get(brand, FIRST_YEAR))
    year = chance.randint(first_year, LAST_YEAR)
    share = max(LEAST_SHARE, (1 - LOSS_A_YEAR) ** (LAST_YEAR - year)) * chance.uniform(0.94, 1.06)
    hundreds = round(PRICES_NEW[brand][model] * share / 100)
    return SampleVehicle(
        brand_name=brand,
        model=model,
        year=year,
        color=chance.choices(COLORS, COLOR_WEIGHTS)[0],
        price=Decimal(hundreds * 100 - 10).quantize(Decimal("0.01")),
    )
