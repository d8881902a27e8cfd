from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodeal_platform.json_codec import encode_json
from autodeal_platform.money import (
    MAX_CENTS,
    Amount,
    amount_from_json,
    cents_from_decimal,
    decimal_from_cents,
)


@settings(deadline=None)
@given(st.integers(min_value=-MAX_CENTS, max_value=MAX_CENTS))
def test_cents_come_back_when_they_went_out_as_decimal(cents: int) -> None:
    assert cents_from_decimal(decimal_from_cents(cents)) == cents


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=MAX_CENTS))
def test_json_has_two_decimals_when_made_of_cents(cents: int) -> None:
    assert encode_json(decimal_from_cents(cents)).decode() == f"{cents // 100}.{cents % 100:02d}"


@settings(deadline=None)
@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_amount_is_exact_or_refused_when_any_decimal_comes(value: Decimal) -> None:
    try:
        cents = cents_from_decimal(value)
    except ValueError:
        return
    assert decimal_from_cents(cents) == value


@pytest.mark.parametrize(
    "literal",
    [
        "0.001",
        "10000000000",
        "1E+400",
        "1E-400",
        "NaN",
        "Infinity",
        "-Infinity",
        "1.00000000000000000000000000001",
    ],
)
def test_amount_is_refused_when_it_is_no_number_of_cents(literal: str) -> None:
    with pytest.raises(ValueError, match="must"):
        cents_from_decimal(Decimal(literal))


@pytest.mark.parametrize("literal", ["89990", "89990.0", "89990.000", "8.999E+4"])
def test_amount_is_accepted_when_written_otherwise(literal: str) -> None:
    assert cents_from_decimal(Decimal(literal)) == 8_999_000


@pytest.mark.parametrize("value", [True, "1.00", None, 1.5, [1]])
def test_amount_is_refused_when_the_json_value_is_no_exact_number(value: object) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        amount_from_json(Amount, value)
