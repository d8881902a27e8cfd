"""A Brazilian postal address."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

STATES = frozenset(
    {"AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA"}
    | {"PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO"}
)
"""The federal units, by their two-letter codes."""

_ZIP_CODE = re.compile(r"(\d{5})-?(\d{3})", re.ASCII)
_TEXT_LIMITS = {"street": 120, "number": 20, "complement": 80, "neighborhood": 80, "city": 80}
"""Longest accepted texts, in characters; together they fit the 2,048 of one Cognito attribute."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Address:
    """Where a person lives. Personal data: it has no repr that could reach a log."""

    street: str
    number: str
    """Text, since `120-B` and `s/n` are house numbers."""
    complement: str | None = None
    neighborhood: str
    city: str
    state: str
    zip_code: str
    """The CEP, eight digits without the dash."""


@dataclass
class AddressReading:
    """An address being checked: what is wrong with it, by field."""

    faults: dict[str, str] = field(default_factory=dict)

    def read(self, written: Address) -> Address:
        """Return the address trimmed and in its one spelling, noting every fault on the way."""
        texts = {name: self._text(name, getattr(written, name)) for name in _TEXT_LIMITS}
        state = written.state.strip().upper()
        if state not in STATES:
            self.faults["state"] = "is not the two-letter code of a Brazilian state"
        zip_code = _ZIP_CODE.fullmatch(written.zip_code.strip())
        if zip_code is None:
            self.faults["zip_code"] = "is not written as 00000-000 or as 8 digits"
        return Address(
            street=texts["street"] or "",
            number=texts["number"] or "",
            complement=texts["complement"],
            neighborhood=texts["neighborhood"] or "",
            city=texts["city"] or "",
            state=state,
            zip_code="".join(zip_code.groups()) if zip_code else "",
        )

    def _text(self, name: str, written: str | None) -> str | None:
        text = " ".join((written or "").split())
        if not text:
            if name != "complement":
                self.faults[name] = "must not be empty"
            return None
        if len(text) > _TEXT_LIMITS[name]:
            self.faults[name] = f"is longer than {_TEXT_LIMITS[name]} characters"
        if not text.isprintable():
            self.faults[name] = "holds characters that cannot be printed"
        return text
