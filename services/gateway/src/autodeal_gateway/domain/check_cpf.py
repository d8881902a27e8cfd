"""The CPF, the number that identifies a person to the Brazilian tax office."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MODULUS = 11
_WRITTEN = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11}", re.ASCII)


class CpfInvalidError(ValueError):
    """Not a CPF. The message tells why and never repeats the number."""

    code = "cpf_invalid"


@dataclass(frozen=True)
class Cpf:
    """A CPF whose check digits are right, as eleven digits. Personal data: its repr hides it."""

    digits: str = field(repr=False)

    @property
    def masked(self) -> str:
        """Return the form that may be shown to its owner: the middle six digits only."""
        return f"***.{self.digits[3:6]}.{self.digits[6:9]}-**"


def read_cpf(written: str) -> Cpf:
    """Read a CPF written as `529.982.247-25` or `52998224725`.

    Raises CpfInvalidError.
    """
    if not _WRITTEN.fullmatch(written):
        raise CpfInvalidError("is not written as 000.000.000-00 or as 11 digits")
    digits = written.replace(".", "").replace("-", "")
    if len(set(digits)) == 1:
        # Eleven equal digits satisfy the check digits, and the tax office issues none of them.
        raise CpfInvalidError("is not a CPF that is ever issued")
    if digits[9:] != check_digits(digits[:9]):
        raise CpfInvalidError("has wrong check digits")
    return Cpf(digits)


def check_digits(base: str) -> str:
    """Return the two check digits for nine digits: modulo 11, weights 2, 3, … from the right."""
    first = _check_digit(base)
    return first + _check_digit(base + first)


def _check_digit(digits: str) -> str:
    total = sum(weight * int(digit) for weight, digit in enumerate(reversed(digits), start=2))
    # What is missing to the next multiple of eleven; ten and eleven are both written 0.
    return str(-total % MODULUS % 10)
