"""Show a person what is kept about them."""

from __future__ import annotations

from typing import Protocol

from autodeal_gateway.app.errors import PersonNotFoundError
from autodeal_gateway.domain.profile import Profile


class ProfileReader(Protocol):
    """Reads people at the identity provider."""

    async def read_profile(self, subject: str) -> Profile | None:
        """Return who a subject id is. Raises IdentityUnavailableError, TooManyAttemptsError."""
        ...


async def show_profile(reader: ProfileReader, *, subject: str) -> Profile:
    """Return the caller's own profile.

    Raises PersonNotFoundError when the person was deleted since the token was issued.
    """
    profile = await reader.read_profile(subject)
    if profile is None:
        raise PersonNotFoundError
    return profile
