"""The two number rows of a boleto: the 44-digit bar code and the 47-digit *linha digitável* typed by hand.

Source: FEBRABAN, "Layout padrão de código de barras". Bar code: bank 3, currency `9`, check digit 1,
due-date factor 4, amount in cents 10, free field 25 (each bank's own). The line holds the same digits in
another order, with a check digit for each of its first three fields.
"""

from dataclasses import dataclass
from datetime import date, timedelta

_CURRENCY_REAL = "9"
_BARCODE_LENGTH, _LINE_LENGTH, _FREE_FIELD_LENGTH = 44, 47, 25
_AMOUNT_LIMIT_CENTS = 10**10
_FIRST_FACTOR, _LAST_FACTOR = 1000, 9999
# Factor 9999 was reached on 2025-02-21, and the count went back to 1000 on the next day: a factor alone
# names two dates, 9000 days apart.
_FIRST_EPOCH = date(1997, 10, 7)
_SECOND_EPOCH = date(2022, 5, 29)


class BoletoCodeError(ValueError):
    """The digits are not a boleto's, or the values do not fit in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoletoCode:
    """What the digits of a boleto say. `due_date_factor` 0 means that it has no due date."""

    bank: str
    due_date_factor: int
    amount_cents: int
    free_field: str

    def barcode(self) -> str:
        """Return the 44 digits of the bar code; `BoletoCodeError` when a value does not fit."""
        _require_digits(self.bank, 3, "the bank")
        _require_digits(self.free_field, _FREE_FIELD_LENGTH, "the free field")
        if not 0 <= self.amount_cents < _AMOUNT_LIMIT_CENTS:
            raise BoletoCodeError("the amount of a boleto has at most ten digits")
        if self.due_date_factor and not _FIRST_FACTOR <= self.due_date_factor <= _LAST_FACTOR:
            raise BoletoCodeError("a due-date factor is 0 or between 1000 and 9999")
        head = self.bank + _CURRENCY_REAL
        tail = f"{self.due_date_factor:04d}{self.amount_cents:010d}{self.free_field}"
        return f"{head}{_modulo_11(head + tail)}{tail}"

    def digitable_line(self) -> str:
        """Return the 47 digits that a person types."""
        return line_from_barcode(self.barcode())


def decode_barcode(barcode: str) -> BoletoCode:
    """Read the 44 digits, their check digit verified; `BoletoCodeError` when they are not sound."""
    _require_digits(barcode, _BARCODE_LENGTH, "the bar code")
    if barcode[3] != _CURRENCY_REAL:
        raise BoletoCodeError("the boleto is not in reais")
    if barcode[4] != _modulo_11(barcode[:4] + barcode[5:]):
        raise BoletoCodeError("the check digit of the bar code is wrong")
    return BoletoCode(
        bank=barcode[:3],
        due_date_factor=int(barcode[5:9]),
        amount_cents=int(barcode[9:19]),
        free_field=barcode[19:],
    )


def line_from_barcode(barcode: str) -> str:
    """Return the line of a bar code, digits only."""
    decode_barcode(barcode)
    fields = (barcode[0:4] + barcode[19:24], barcode[24:34], barcode[34:44])
    return "".join(field + _modulo_10(field) for field in fields) + barcode[4] + barcode[5:19]


def barcode_from_line(line: str) -> str:
    """Return the bar code of a line, with or without dots and spaces; every check digit is verified."""
    digits = line.replace(".", "").replace(" ", "")
    _require_digits(digits, _LINE_LENGTH, "the line")
    fields = (digits[0:10], digits[10:21], digits[21:32])
    for position, field in enumerate(fields, start=1):
        if field[-1] != _modulo_10(field[:-1]):
            raise BoletoCodeError(f"the check digit of field {position} of the line is wrong")
    bank_and_free_field, second, third = (field[:-1] for field in fields)
    barcode = bank_and_free_field[:4] + digits[32:] + bank_and_free_field[4:] + second + third
    decode_barcode(barcode)
    return barcode


def format_line(line: str) -> str:
    """Group the 47 digits as boletos print them: `00000.00000 00000.000000 00000.000000 0 00000000000000`."""
    _require_digits(line, _LINE_LENGTH, "the line")
    first, second, third = line[0:10], line[10:21], line[21:32]
    return f"{first[:5]}.{first[5:]} {second[:5]}.{second[5:]} {third[:5]}.{third[5:]} {line[32]} {line[33:]}"


def due_date_factor(due_date: date) -> int:
    """Return the factor of a date from 2000-07-03 to 2049-10-13."""
    second_factor = (due_date - _SECOND_EPOCH).days
    factor = second_factor if second_factor >= _FIRST_FACTOR else (due_date - _FIRST_EPOCH).days
    if not _FIRST_FACTOR <= factor <= _LAST_FACTOR:
        raise BoletoCodeError("a boleto falls due between 2000-07-03 and 2049-10-13")
    return factor


def due_date(factor: int, *, near: date) -> date | None:
    """Return the date of a factor, of its two candidates the one closer to `near`; None for factor 0."""
    if factor == 0:
        return None
    if not _FIRST_FACTOR <= factor <= _LAST_FACTOR:
        raise BoletoCodeError("a due-date factor is 0 or between 1000 and 9999")
    candidates = (_FIRST_EPOCH + timedelta(days=factor), _SECOND_EPOCH + timedelta(days=factor))
    return min(candidates, key=lambda candidate: abs((candidate - near).days))


def _modulo_11(digits: str) -> str:
    """Weights 2 to 9 from the right; the results 0, 10 and 11 are written 1."""
    total = sum(int(digit) * (2 + index % 8) for index, digit in enumerate(reversed(digits)))
    result = 11 - total % 11
    return "1" if result in {10, 11} else str(result)


def _modulo_10(digits: str) -> str:
    """Weights 2 and 1 in turn from the right; the digits of each product are added."""
    products = (int(digit) * (2 - index % 2) for index, digit in enumerate(reversed(digits)))
    total = sum(product // 10 + product % 10 for product in products)
    return str(-total % 10)


def _require_digits(text: str, length: int, name: str) -> None:
    if len(text) != length or not (text.isascii() and text.isdecimal()):
        raise BoletoCodeError(f"{name} has {length} digits")
