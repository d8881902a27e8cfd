"""How a person is written as attributes of a Cognito user, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from autodeal_gateway.domain.address import Address
from autodeal_gateway.domain.check_cpf import CpfInvalidError, read_cpf
from autodeal_gateway.domain.profile import Profile
from autodeal_gateway.domain.registration import Registration

if TYPE_CHECKING:
    from types_aiobotocore_cognito_idp.type_defs import AttributeTypeTypeDef

EMAIL = "email"
FIRST_NAME = "given_name"
LAST_NAME = "family_name"
CPF = "custom:cpf"
ADDRESS = "custom:address"
"""The address as JSON: Cognito's own `address` attribute is one free text."""
TERMS_ACCEPTED_AT = "custom:terms_accepted_at"
"""Also the mark of a person who was registered through this service."""

_address_decoder = msgspec.json.Decoder(Address)
_encoder = msgspec.json.Encoder()


def attributes_of(registration: Registration) -> list[AttributeTypeTypeDef]:
    """Return the attributes to create a user with."""
    values = {
        EMAIL: registration.email,
        FIRST_NAME: registration.first_name,
        LAST_NAME: registration.last_name,
        CPF: registration.cpf.digits,
        ADDRESS: _encoder.encode(registration.address).decode(),
        TERMS_ACCEPTED_AT: registration.terms_accepted_at.isoformat(timespec="seconds"),
    }
    return [{"Name": name, "Value": value} for name, value in values.items()]


def by_name(attributes: Iterable[AttributeTypeTypeDef]) -> dict[str, str]:
    """Return a user's attributes by name."""
    return {attribute["Name"]: attribute.get("Value", "") for attribute in attributes}


def profile_from(subject: str, values: Mapping[str, str]) -> Profile:
    """Read a person; what is missing or was written by other hands in another form is None."""
    try:
        cpf = read_cpf(values.get(CPF, ""))
    except CpfInvalidError:
        cpf = None
    try:
        address = _address_decoder.decode(values.get(ADDRESS, ""))
    except msgspec.MsgspecError:
        address = None
    try:
        terms_accepted_at = datetime.fromisoformat(values.get(TERMS_ACCEPTED_AT, ""))
    except ValueError:
        terms_accepted_at = None
    return Profile(
        subject=subject,
        email=values.get(EMAIL, ""),
        first_name=values.get(FIRST_NAME) or None,
        last_name=values.get(LAST_NAME) or None,
        cpf=cpf,
        address=address,
        terms_accepted_at=terms_accepted_at,
    )
