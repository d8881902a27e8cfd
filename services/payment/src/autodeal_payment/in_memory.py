"""The whole service in memory, with a clock that is set by hand: for unit tests and simulations.

The use cases are the real ones; only the ports are fakes. None of them waits for anything, so a
use case can also be run to its end without an event loop (`run_now`).
"""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from autodeal_contracts import catalog
from autodeal_contracts.events.payment import PaymentEvent
from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.call_provider import ProviderCaller
from autodeal_payment.app.change_sale import SaleChanger
from autodeal_payment.app.check_deadline import CheckDeadline
from autodeal_payment.app.choose_payment import ChoosePayment
from autodeal_payment.app.find_payments import FindPayments
from autodeal_payment.app.handle_notification import HandleNotification
from autodeal_payment.app.handle_sale_event import HandleSaleEvent
from autodeal_payment.app.ports.fake_payer_directory import FakePayerDirectory
from autodeal_payment.app.ports.fake_payment_provider import FakePaymentProvider
from autodeal_payment.app.ports.memory_sale_store import MemorySaleStore
from autodeal_payment.domain.schedule import Schedule

Result = TypeVar("Result")
BEGINNING = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class PaymentInMemory:
    """The service, its store, its provider and its clock."""

    def __init__(self, schedule: Schedule | None = None) -> None:
        self.schedule = schedule or Schedule()
        self.now = BEGINNING
        self.store = MemorySaleStore()
        self.provider = FakePaymentProvider()
        self.payers = FakePayerDirectory()
        changer = SaleChanger(self.store, self.schedule, clock=lambda: self.now)
        self.advance = AdvanceSale(
            self.store, changer, ProviderCaller(self.provider, self.payers, clock=lambda: self.now)
        )
        self.handle_sale_event = HandleSaleEvent(changer, self.advance)
        self.handle_notification = HandleNotification(self.store, self.provider, changer, self.advance)
        self.check_deadline = CheckDeadline(self.store, self.advance, self.handle_notification)
        self.choose_payment = ChoosePayment(
            self.store, changer, self.advance, budget_seconds=1.0, pause=self._pause
        )
        self.find_payments = FindPayments(self.store, self.store)

    async def _pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def run_due(self) -> int:
        """Let the janitor do what is due by the clock, once each; return how much that was."""
        due = sorted((each for each in self.store.deadlines if each[2] <= self.now), key=lambda each: each[2])
        for kind, subject, due_at in due:
            await self.check_deadline(kind, subject, due_at)
        return len(due)

    async def run_until_quiet(self, *, limit: int = 400) -> None:
        """Let time pass from deadline to deadline until none is left; fail when there is no end."""
        for _ in range(limit):
            if not self.store.deadlines:
                return
            self.now = max(self.now, min(due_at for _, _, due_at in self.store.deadlines))
            await self.run_due()
        raise AssertionError("the janitor finds no end")

    def events(self, order_id: int) -> list[PaymentEvent]:
        """Return the committed events of an order, in the order of their commit."""
        return [
            catalog.unseal(envelope)  # type: ignore[misc]  # only payment events are committed here
            for envelope in self.store.outbox
            if envelope.key == str(order_id)
        ]


def run_now(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a use case to its end without an event loop; it must not wait for anything."""
    try:
        work.send(None)
    except StopIteration as finished:
        result: Result = finished.value
        return result
    work.close()
    raise AssertionError("it waited for something")
