"""Register a person as a buyer.

Three calls make a person at the identity provider, and the process can die between any two. So the
last of them, setting the password, is the one that counts: before it nobody can log in, and a
person without it is *unfinished*. Group Buyer is given before, so that who can log in can buy.

An unfinished person does not block the address: a later registration removes it and starts anew.
It is removed by its own subject id and every later call names the subject that this registration
created, so two registrations of one address never mix: one of them finds its person gone.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from autodeal_gateway.app.errors import (
    EmailTakenError,
    GatewayError,
    IdentityUnavailableError,
    PersonNotFoundError,
    RegistrationInProgressError,
)
from autodeal_gateway.domain.registration import (
    FieldFault,
    Registration,
    RegistrationForm,
    RegistrationInvalidError,
    check_registration,
)

REGISTRATION_TIMEOUT_SECONDS = 15.0
"""A registration gives up after this long."""
CLEAN_UP_TIMEOUT_SECONDS = 5.0
TAKE_OVER_AFTER = timedelta(seconds=60)
"""How old an unfinished person must be to be removed. Well above the time-outs, so that the
registration which made it is surely over."""


class EmailKnownError(Exception):
    """The identity provider has somebody, finished or not, under the address."""


class PasswordRefusedError(Exception):
    """The identity provider's own password policy is stricter than ours."""


@dataclass(frozen=True)
class UnfinishedPerson:
    """Somebody whose registration here began and never came to the password."""

    subject: str
    created_at: datetime


class Registrar(Protocol):
    """Makes people at the identity provider. Raises IdentityUnavailableError, TooManyAttemptsError."""

    async def create_person(self, registration: Registration) -> str:
        """Make an unfinished person and return the subject id. Raises EmailKnownError."""
        ...

    async def find_unfinished(self, email: str) -> UnfinishedPerson | None:
        """Return the unfinished person under the address, if that is what is there."""
        ...

    async def admit_buyer(self, subject: str) -> None:
        """Add to group Buyer. Raises PersonNotFoundError."""
        ...

    async def set_password(self, subject: str, password: str) -> None:
        """Make the person finished. Raises PersonNotFoundError, PasswordRefusedError."""
        ...

    async def erase(self, subject: str) -> None:
        """Remove everything about the person; nothing happens when there is nobody."""
        ...


@dataclass(frozen=True, repr=False)
class RegisteredPerson:
    """Who was registered."""

    subject: str
    registration: Registration


async def register_person(registrar: Registrar, form: RegistrationForm, *, now: datetime) -> RegisteredPerson:
    """Check the form and register the person.

    Raises RegistrationInvalidError, EmailTakenError, RegistrationInProgressError,
    TooManyAttemptsError, IdentityUnavailableError; after any of them a repeat is safe.
    """
    registration = check_registration(form, now=now)
    try:
        async with asyncio.timeout(REGISTRATION_TIMEOUT_SECONDS):
            subject = await _create(registrar, registration, now)
    except TimeoutError:
        raise IdentityUnavailableError from None
    try:
        async with asyncio.timeout(REGISTRATION_TIMEOUT_SECONDS):
            await registrar.admit_buyer(subject)
            await registrar.set_password(subject, registration.password)
    except PersonNotFoundError:
        # Taken for a leftover and replaced: whoever did that holds the address now.
        raise EmailTakenError from None
    except PasswordRefusedError as error:
        await _clean_up(registrar, subject)
        raise RegistrationInvalidError([FieldFault("password", str(error))]) from None
    except (TimeoutError, GatewayError) as error:
        # The password may have been set all the same; with the person goes the doubt.
        await _clean_up(registrar, subject)
        if isinstance(error, TimeoutError):
            raise IdentityUnavailableError from None
        raise
    return RegisteredPerson(subject, registration)


async def _create(registrar: Registrar, registration: Registration, now: datetime) -> str:
    with suppress(EmailKnownError):
        return await registrar.create_person(registration)
    unfinished = await registrar.find_unfinished(registration.email)
    if unfinished is None:
        raise EmailTakenError
    if now - unfinished.created_at < TAKE_OVER_AFTER:
        raise RegistrationInProgressError
    await registrar.erase(unfinished.subject)
    try:
        return await registrar.create_person(registration)
    except EmailKnownError:
        # Another repeat removed the same leftover and was faster.
        raise EmailTakenError from None


async def _clean_up(registrar: Registrar, subject: str) -> None:
    """Remove what was begun, so that a repeat need not wait; if that fails, the wait heals it."""
    with suppress(TimeoutError, GatewayError):
        async with asyncio.timeout(CLEAN_UP_TIMEOUT_SECONDS):
            await registrar.erase(subject)
