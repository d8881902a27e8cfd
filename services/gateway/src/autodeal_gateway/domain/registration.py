"""What a person must tell to be registered, and what makes it acceptable."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from autodeal_gateway.domain.address import Address, AddressReading
from autodeal_gateway.domain.check_cpf import Cpf, CpfInvalidError, read_cpf

PASSWORD_LENGTH_MIN = 8
PASSWORD_LENGTH_MAX = 256
PASSWORD_SYMBOLS = frozenset("^$*.[]{}()?-\"!@#%&/\\,><':;|_~`=+ ")
"""What Cognito counts as a symbol."""
NAME_LENGTH_MAX = 80
EMAIL_LENGTH_MAX = 254
EMAIL_LOCAL_PART_LENGTH_MAX = 64

_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+",
    re.ASCII,
)
"""The form that HTML's e-mail fields accept, and a domain of at least two labels."""


@dataclass(frozen=True)
class FieldFault:
    """What is wrong with one field, never repeating what was in it."""

    field: str
    message: str


class RegistrationInvalidError(ValueError):
    """The registration breaks a rule; every broken one is told at once."""

    code: ClassVar[str] = "validation_failed"

    def __init__(self, faults: list[FieldFault]) -> None:
        super().__init__("; ".join(f"{fault.field} {fault.message}" for fault in faults))
        self.faults = faults
        self.context: dict[str, Any] = {
            "errors": [{"field": fault.field, "message": fault.message} for fault in faults]
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class RegistrationForm:
    """What somebody typed. Nothing in it has been checked."""

    email: str
    password: str
    first_name: str
    last_name: str
    cpf: str
    address: Address
    accepted_terms: bool


@dataclass(frozen=True, kw_only=True, repr=False)
class Registration:
    """A person who may be registered: every rule holds. It has no repr that could reach a log."""

    email: str
    password: str
    first_name: str
    last_name: str
    cpf: Cpf
    address: Address
    terms_accepted_at: datetime


@dataclass
class _Faults:
    found: list[FieldFault] = field(default_factory=list)

    def add(self, name: str, message: str) -> None:
        self.found.append(FieldFault(name, message))


def check_registration(form: RegistrationForm, *, now: datetime) -> Registration:
    """Apply every rule to the form.

    Raises RegistrationInvalidError naming all fields at fault.
    """
    faults = _Faults()
    email = normalize_email(form.email)
    if not is_email(email):
        faults.add("email", "is not an e-mail address")
    for message in password_faults(form.password):
        faults.add("password", message)
    first_name = _check_name("first_name", form.first_name, faults)
    last_name = _check_name("last_name", form.last_name, faults)
    cpf: Cpf | None = None
    try:
        cpf = read_cpf(form.cpf.strip())
    except CpfInvalidError as error:
        faults.add("cpf", str(error))
    reading = AddressReading()
    address = reading.read(form.address)
    for name, message in reading.faults.items():
        faults.add(f"address.{name}", message)
    if not form.accepted_terms:
        faults.add("accepted_terms", "must be true")
    if faults.found or cpf is None:
        raise RegistrationInvalidError(faults.found)
    return Registration(
        email=email,
        password=form.password,
        first_name=first_name,
        last_name=last_name,
        cpf=cpf,
        address=address,
        # In whole seconds, as it is kept.
        terms_accepted_at=now.replace(microsecond=0),
    )


def normalize_email(written: str) -> str:
    """Return the one spelling under which a person is known: one mailbox, one account."""
    return written.strip().lower()


def is_email(email: str) -> bool:
    """Tell whether a normalised text has the form of an e-mail address."""
    local_part = email.partition("@")[0]
    return (
        len(email) <= EMAIL_LENGTH_MAX
        and len(local_part) <= EMAIL_LOCAL_PART_LENGTH_MAX
        and not local_part.startswith(".")
        and not local_part.endswith(".")
        and ".." not in local_part
        and _EMAIL.fullmatch(email) is not None
    )


def password_faults(password: str) -> list[str]:
    """Return what the password lacks, after Cognito's default policy."""
    rules = {
        f"is shorter than {PASSWORD_LENGTH_MIN} characters": len(password) >= PASSWORD_LENGTH_MIN,
        f"is longer than {PASSWORD_LENGTH_MAX} characters": len(password) <= PASSWORD_LENGTH_MAX,
        "needs a lower-case letter": any("a" <= letter <= "z" for letter in password),
        "needs an upper-case letter": any("A" <= letter <= "Z" for letter in password),
        "needs a digit": any("0" <= letter <= "9" for letter in password),
        "needs a symbol": not PASSWORD_SYMBOLS.isdisjoint(password),
        "must not begin or end with a space": password == password.strip(),
    }
    return [message for message, holds in rules.items() if not holds]


def _check_name(field_name: str, written: str, faults: _Faults) -> str:
    name = " ".join(written.split())
    if not any(letter.isalpha() for letter in name):
        faults.add(field_name, "must hold a name")
    elif len(name) > NAME_LENGTH_MAX:
        faults.add(field_name, f"is longer than {NAME_LENGTH_MAX} characters")
    elif not name.isprintable():
        faults.add(field_name, "holds characters that cannot be printed")
    return name
