"""A provider that is away is not waited for again and again: calls fail at once for a short while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from autodeal_payment.app import metrics
from autodeal_payment.app.ports.payment_provider import (
    NewPayment,
    PaymentProvider,
    ProviderRefusedError,
    ProviderUnansweredError,
)
from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderRefund

Result = TypeVar("Result")


class GuardedProvider:
    """Opens after so many unanswered calls in a row; then lets one call through per pause.

    To the engine a call that was not made is one that was not answered: it is settled the same way.
    """

    def __init__(
        self,
        provider: PaymentProvider,
        *,
        failure_limit: int = 8,
        pause_seconds: float = 2.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._provider = provider
        self._failure_limit = failure_limit
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._failures = 0
        self._closed_until = 0.0

    async def create(self, new: NewPayment, *, key: str) -> ProviderPayment:
        """Make a payment."""
        return await self._guard(lambda: self._provider.create(new, key=key))

    async def fetch(self, provider_id: str) -> ProviderPayment | None:
        """Return the payment as it is."""
        return await self._guard(lambda: self._provider.fetch(provider_id))

    async def find(self, reference: str) -> ProviderPayment | None:
        """Return the payment made with that reference."""
        return await self._guard(lambda: self._provider.find(reference))

    async def cancel(self, provider_id: str, *, key: str) -> ProviderPayment:
        """Call a waiting payment off."""
        return await self._guard(lambda: self._provider.cancel(provider_id, key=key))

    async def refund(self, provider_id: str, *, key: str) -> ProviderRefund:
        """Give all the money back."""
        return await self._guard(lambda: self._provider.refund(provider_id, key=key))

    async def _guard(self, call: Callable[[], Awaitable[Result]]) -> Result:
        if self._failures >= self._failure_limit:
            if self._clock() < self._closed_until:
                raise ProviderUnansweredError("not called: the provider has been away")
            self._closed_until = self._clock() + self._pause_seconds
        try:
            result = await call()
        except ProviderUnansweredError:
            self._failures += 1
            if self._failures == self._failure_limit:
                self._closed_until = self._clock() + self._pause_seconds
                metrics.PROVIDER_SHUT_OFF.set(1)
            raise
        except ProviderRefusedError:
            self._note_answer()
            raise
        self._note_answer()
        return result

    def _note_answer(self) -> None:
        self._failures = 0
        metrics.PROVIDER_SHUT_OFF.set(0)
