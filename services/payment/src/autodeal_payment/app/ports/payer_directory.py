"""Who pays: read at the moment of the call, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the payer lives; a boleto demands it."""

    street: str
    number: str
    neighborhood: str
    city: str
    state: str
    zip_code: str


@dataclass(frozen=True, kw_only=True)
class Payer:
    """The person, for the provider's eyes only: its text form shows nothing."""

    email: str = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    cpf: str = field(repr=False)
    address: Address = field(repr=False)


class PayerUnknownError(Exception):
    """There is no such person any more, or the profile lacks what the provider demands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PayerDirectoryUnavailableError(Exception):
    """The directory did not answer."""


class PayerDirectory(Protocol):
    """Where people are registered."""

    async def find(self, subject: str) -> Payer:
        """Return the person; raises PayerUnknownError or PayerDirectoryUnavailableError."""
        ...
