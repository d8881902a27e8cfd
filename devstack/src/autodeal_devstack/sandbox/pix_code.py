"""The Pix "BR Code": the EMV text inside the QR code that a payer's bank scans or pastes.

Source: Banco Central do Brasil, "Manual de Padrões para Iniciação do Pix", and EMV QRCPS-MPM. The text is
a list of fields `id(2) length(2) value`; the last field is a CRC-16 over everything before its own value.
"""

import re
import unicodedata
from dataclasses import dataclass

_GLOBALLY_UNIQUE_IDENTIFIER = "br.gov.bcb.pix"
_FIELD_LIMIT = 99
_ACCOUNT_FIELD, _ADDITIONAL_FIELD, _CHECK_FIELD = "26", "62", "63"
_CURRENCY_REAL = "986"
_CHECK_LENGTH = 4
_AMOUNT = re.compile(r"\d{1,10}\.\d{2}")


class PixCodeError(ValueError):
    """The text is not a Pix code, or the values do not fit in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixCode:
    """What a Pix code says. `amount_cents` is absent in a code whose payer chooses the amount."""

    key: str
    merchant_name: str
    merchant_city: str
    amount_cents: int | None = None
    transaction_id: str = "***"
    description: str = ""

    def encode(self) -> str:
        """Return the text of the code, its check value included; `PixCodeError` when a value does not fit."""
        account = _field("00", _GLOBALLY_UNIQUE_IDENTIFIER) + _field("01", self.key)
        if self.description:
            account += _field("02", self.description)
        body = "".join(
            (
                _field("00", "01"),
                _field(_ACCOUNT_FIELD, account),
                _field("52", "0000"),
                _field("53", _CURRENCY_REAL),
                "" if self.amount_cents is None else _field("54", _amount_text(self.amount_cents)),
                _field("58", "BR"),
                _field("59", self.merchant_name, limit=25),
                _field("60", self.merchant_city, limit=15),
                _field(_ADDITIONAL_FIELD, _field("05", self.transaction_id, limit=25)),
                f"{_CHECK_FIELD}{_CHECK_LENGTH:02d}",
            )
        )
        return f"{body}{crc16(body.encode('ascii')):04X}"


def decode_pix_code(text: str) -> PixCode:
    """Read a static Pix code, its check value verified; `PixCodeError` when it is not a sound one."""
    if not text.isascii() or not verify_pix_code(text):
        raise PixCodeError("the check value of the Pix code is wrong")
    fields = _read_fields(text)
    account = _read_fields(fields.get(_ACCOUNT_FIELD, ""))
    if account.get("00", "").lower() != _GLOBALLY_UNIQUE_IDENTIFIER or "01" not in account:
        raise PixCodeError("the code names no Pix key")
    amount = fields.get("54")
    if amount is not None and not _AMOUNT.fullmatch(amount):
        raise PixCodeError("the amount of the code is not one")
    return PixCode(
        key=account["01"],
        description=account.get("02", ""),
        amount_cents=None if amount is None else int(amount.replace(".", "")),
        merchant_name=fields.get("59", ""),
        merchant_city=fields.get("60", ""),
        transaction_id=_read_fields(fields.get(_ADDITIONAL_FIELD, "")).get("05", ""),
    )


def verify_pix_code(text: str) -> bool:
    """Tell whether the text ends in the check value of what stands before it."""
    body, check = text[:-_CHECK_LENGTH], text[-_CHECK_LENGTH:]
    if not body.endswith(f"{_CHECK_FIELD}{_CHECK_LENGTH:02d}"):
        return False
    return check == f"{crc16(body.encode('utf-8')):04X}"


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, nothing reflected."""
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1) ^ 0x1021 if register & 0x8000 else register << 1
        register &= 0xFFFF
    return register


def plain_text(text: str, limit: int) -> str:
    """Reduce a name to what every bank's reader takes: ASCII without accents, cut to `limit` characters."""
    decomposed = unicodedata.normalize("NFKD", text)
    printable = (character for character in decomposed if " " <= character <= "~")
    return " ".join("".join(printable).split())[:limit].strip()


def _field(identifier: str, value: str, limit: int = _FIELD_LIMIT) -> str:
    if not 1 <= len(value) <= limit:
        raise PixCodeError(f"field {identifier} holds 1 to {limit} characters")
    if any(not " " <= character <= "~" for character in value):
        raise PixCodeError(f"field {identifier} holds printable ASCII only")
    return f"{identifier}{len(value):02d}{value}"


def _amount_text(amount_cents: int) -> str:
    text = f"{amount_cents // 100}.{amount_cents % 100:02d}"
    if amount_cents <= 0 or not _AMOUNT.fullmatch(text):
        raise PixCodeError("the amount of a Pix code is positive and has at most ten digits before the point")
    return text


def _read_fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    position = 0
    while position < len(text):
        header = text[position : position + 4]
        if len(header) < 4 or not header.isdecimal():  # noqa: PLR2004 - two digits of name, two of length
            raise PixCodeError("the fields of the code do not line up")
        end = position + 4 + int(header[2:])
        if end > len(text) or header[:2] in fields:
            raise PixCodeError("the fields of the code do not line up")
        fields[header[:2]] = text[position + 4 : end]
        position = end
    return fields
