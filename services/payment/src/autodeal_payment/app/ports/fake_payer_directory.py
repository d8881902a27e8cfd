"""A directory of people in memory."""

from __future__ import annotations

from autodeal_payment.app.ports.payer_directory import (
    Address,
    Payer,
    PayerDirectoryUnavailableError,
    PayerUnknownError,
)

ANYBODY = Payer(
    email="maria@example.com",
    first_name="Maria",
    last_name="Silva",
    cpf="52998224725",
    address=Address(
        street="Rua das Flores",
        number="10",
        neighborhood="Centro",
        city="São Paulo",
        state="SP",
        zip_code="01001000",
    ),
)


class FakePayerDirectory:
    """Knows everybody, except those it was told to forget."""

    def __init__(self) -> None:
        self.forgotten: set[str] = set()
        self.away = False

    async def find(self, subject: str) -> Payer:
        """Return the same person for every subject."""
        if self.away:
            raise PayerDirectoryUnavailableError
        if subject in self.forgotten:
            raise PayerUnknownError("payer_unknown")
        return ANYBODY
