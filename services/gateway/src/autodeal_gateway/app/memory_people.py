"""The identity provider in memory, for tests and simulations; it behaves as the real one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from autodeal_gateway.app.errors import InvalidCredentialsError, PersonNotFoundError
from autodeal_gateway.app.log_in import Tokens
from autodeal_gateway.app.register_person import EmailKnownError, UnfinishedPerson
from autodeal_gateway.domain.profile import Profile
from autodeal_gateway.domain.registration import Registration

BUYERS = "Buyer"


@dataclass
class MemoryPerson:
    """One person."""

    registration: Registration
    created_at: datetime
    password: str | None = None
    groups: set[str] = field(default_factory=set)


class MemoryPeople:
    """People by their subject ids, which are numbered."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last = 0
        self.people: dict[str, MemoryPerson] = {}

    async def create_person(self, registration: Registration) -> str:
        """Make an unfinished person; see Registrar."""
        if self._find(registration.email) is not None:
            raise EmailKnownError
        self._last += 1
        subject = f"person-{self._last}"
        self.people[subject] = MemoryPerson(registration, self._now())
        return subject

    async def find_unfinished(self, email: str) -> UnfinishedPerson | None:
        """Return the unfinished person under the address; see Registrar."""
        subject = self._find(email)
        if subject is None or self.people[subject].password is not None:
            return None
        return UnfinishedPerson(subject, self.people[subject].created_at)

    async def admit_buyer(self, subject: str) -> None:
        """Add to group Buyer; see Registrar."""
        self._get(subject).groups.add(BUYERS)

    async def set_password(self, subject: str, password: str) -> None:
        """Make the person finished; see Registrar."""
        self._get(subject).password = password

    async def erase(self, subject: str) -> None:
        """Remove the person; see Eraser."""
        self.people.pop(subject, None)

    async def read_profile(self, subject: str) -> Profile | None:
        """Return who a subject id is; see ProfileReader."""
        person = self.people.get(subject)
        if person is None:
            return None
        registration = person.registration
        return Profile(
            subject=subject,
            email=registration.email,
            first_name=registration.first_name,
            last_name=registration.last_name,
            cpf=registration.cpf,
            address=registration.address,
            terms_accepted_at=registration.terms_accepted_at,
        )

    async def log_in(self, email: str, password: str) -> Tokens:
        """Return tokens that only name the subject; see Doorkeeper."""
        subject = self._find(email)
        if subject is None or self.people[subject].password != password:
            raise InvalidCredentialsError
        return Tokens(
            access_token=f"access {subject}",
            id_token=f"id {subject}",
            refresh_token=f"refresh {subject}",
            token_type="Bearer",  # noqa: S106  a kind of token, not one
            expires_in=3600,
        )

    def _find(self, email: str) -> str | None:
        return next((who for who, person in self.people.items() if person.registration.email == email), None)

    def _get(self, subject: str) -> MemoryPerson:
        if subject not in self.people:
            raise PersonNotFoundError
        return self.people[subject]
