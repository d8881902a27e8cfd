"""Log a person in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from autodeal_gateway.app.errors import InvalidCredentialsError
from autodeal_gateway.domain.registration import PASSWORD_LENGTH_MAX, is_email, normalize_email


@dataclass(frozen=True, repr=False)
class Tokens:
    """What a person proves themselves with from now on; it has no repr that could reach a log."""

    access_token: str
    id_token: str
    refresh_token: str | None
    token_type: str
    expires_in: int
    """Seconds."""


class Doorkeeper(Protocol):
    """Checks passwords."""

    async def log_in(self, email: str, password: str) -> Tokens:
        """Return tokens.

        Raises InvalidCredentialsError alike for an unknown address and a wrong password,
        PasswordChangeRequiredError, TooManyAttemptsError, IdentityUnavailableError.
        """
        ...


async def log_in(doorkeeper: Doorkeeper, *, email: str, password: str) -> Tokens:
    """Return tokens for the right e-mail address and password; raises as Doorkeeper does."""
    address = normalize_email(email)
    if not is_email(address) or not 0 < len(password) <= PASSWORD_LENGTH_MAX:
        # Nobody can have registered so; the answer is the one that any wrong pair gets.
        raise InvalidCredentialsError
    return await doorkeeper.log_in(address, password)
