"""What is to be done next about a sale. A step names its payment; nothing in it is secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FindAtProvider:
    """Look the payment up by its reference."""

    attempt: int


@dataclass(frozen=True)
class CreateAtProvider:
    """Make the payment, with its stable key."""

    attempt: int


@dataclass(frozen=True)
class FetchFromProvider:
    """Ask what the payment is by now."""

    attempt: int


@dataclass(frozen=True)
class CancelAtProvider:
    """Call the payment off."""

    attempt: int


@dataclass(frozen=True)
class RefundAtProvider:
    """Give the money back, with the payment's stable refund key."""

    attempt: int


@dataclass(frozen=True)
class ResumeRefund:
    """Take a refused refund up again; no call to the provider yet."""

    attempt: int


@dataclass(frozen=True)
class Wait:
    """Nothing before then."""

    until: datetime


@dataclass(frozen=True)
class Done:
    """Nothing, until somebody says something new."""


ProviderStep = FindAtProvider | CreateAtProvider | FetchFromProvider | CancelAtProvider | RefundAtProvider
"""A step that calls the provider."""
Step = ProviderStep | ResumeRefund | Wait | Done
