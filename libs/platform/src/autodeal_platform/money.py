"""Money: integer cents inside, an exact JSON number with at most two decimals outside.

A request struct declares `price: Price` (more than zero) or `Amount` (zero or more): strings,
fractions of a cent, and amounts beyond ten digits are then refused as `validation_failed` on that
field, and the value is an exact Decimal for `cents_from_decimal`. A response struct declares
`price: Decimal` and fills it with `decimal_from_cents`, which is written as `89990.00`.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TypeVar

MAX_CENTS = 999_999_999_999
"""The largest amount, 9999999999.99: far above any vehicle and exact in every store and in JavaScript."""

_CENT = Decimal("0.01")
_MAX = Decimal(MAX_CENTS) * _CENT


class Amount(Decimal):
    """Zero or more in a request, in whole cents."""

    __slots__ = ()
    minimum_cents = 0


class Price(Amount):
    """More than zero in a request, in whole cents."""

    __slots__ = ()
    minimum_cents = 1


AmountType = TypeVar("AmountType", bound=Amount)


def cents_from_decimal(value: Decimal) -> int:
    """Return the amount in cents.

    Raises ValueError when it is no finite number, has a fraction of a cent, or is beyond ±MAX_CENTS.
    """
    if not value.is_finite():
        raise ValueError("must be a number")
    if not -_MAX <= value <= _MAX:
        raise ValueError(f"must be at most {_MAX}")
    rounded = value.quantize(_CENT)
    if rounded != value:
        raise ValueError("must have at most two decimals")
    return int(rounded.scaleb(2))


def decimal_from_cents(cents: int) -> Decimal:
    """Return the amount with exactly two decimals."""
    return Decimal(cents).scaleb(-2)


def parse_json_number(literal: str) -> Decimal:
    """Read a JSON number exactly; one beyond all bounds becomes infinite and is refused by its type."""
    try:
        return Decimal(literal)
    except InvalidOperation:
        return Decimal("Infinity")


def amount_from_json(wanted: type[AmountType], value: object) -> AmountType:
    """Make an amount of a decoded JSON number; raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004  a ValueError is what names the field
    return _check(wanted, Decimal(value))


def amount_from_text(wanted: type[AmountType], value: str | int | Decimal) -> AmountType:
    """Make an amount of a query parameter; raises ValueError when it is none."""
    try:
        return _check(wanted, Decimal(value))
    except InvalidOperation:
        raise ValueError("must be a number") from None


def _check(wanted: type[AmountType], value: Decimal) -> AmountType:
    cents = cents_from_decimal(value)
    if cents < wanted.minimum_cents:
        raise ValueError("must be more than zero" if wanted.minimum_cents else "must not be negative")
    return wanted(decimal_from_cents(cents))
