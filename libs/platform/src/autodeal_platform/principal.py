"""Who is calling. Use cases may ask; how it was proven is the business of `tokens`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ADMIN: Final = "Admin"
BUYER: Final = "Buyer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """A caller whose token was verified."""

    subject: str
    """The user's id in the pool; stable and free of personal data."""
    groups: frozenset[str]
    token_use: str
    """`access` or `id`."""
    expires_at: float
    """When the token ends, in seconds since the epoch."""

    @property
    def is_admin(self) -> bool:
        """Tell whether the caller works for the dealer."""
        return ADMIN in self.groups

    @property
    def is_buyer(self) -> bool:
        """Tell whether the caller is a registered buyer."""
        return BUYER in self.groups
