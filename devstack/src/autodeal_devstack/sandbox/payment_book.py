"""All payments of the sandbox, in memory, in one process: found by id or reference, changed by moves."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime

from autodeal_devstack.sandbox.clock import Clock
from autodeal_devstack.sandbox.payment import Move, Payment, cancel

Listener = Callable[[Payment, str], None]
"""Is told of every new state, with the provider's word for it: `payment.created` or `payment.updated`."""

_LONGEST_WAIT_SECONDS = 60.0


class PaymentBook:
    """The payments. Each change is told to `listener` at once and wakes whoever awaits `changed`."""

    def __init__(self, clock: Clock, listener: Listener) -> None:
        self._clock = clock
        self._listener = listener
        self._payments: dict[int, Payment] = {}
        self._references: dict[str, list[int]] = {}
        self._expiries: list[tuple[datetime, int]] = []
        self._changed = asyncio.Event()
        # Ids start at the clock, so that a sandbox that starts anew does not hand out its earlier ids again.
        self._ids = itertools.count(int(clock.now().timestamp()) * 1000)

    def next_id(self) -> int:
        """Draw an id for a payment or a refund; none is ever given twice."""
        return next(self._ids)

    def add(self, payment: Payment) -> None:
        """Record a new payment."""
        self._payments[payment.id] = payment
        if payment.external_reference is not None:
            self._references.setdefault(payment.external_reference, []).append(payment.id)
        if payment.expires_at is not None:
            heapq.heappush(self._expiries, (payment.expires_at, payment.id))
        self._announce(payment, "payment.created")

    def change(self, payment_id: int, move: Move) -> Payment:
        """Apply a move; `KeyError` for an unknown payment, `IllegalMoveError` from the wrong status."""
        changed = move(self._payments[payment_id], self._clock.now())
        self._payments[payment_id] = changed
        self._announce(changed, "payment.updated")
        return changed

    def find(self, payment_id: int) -> Payment | None:
        """Return the payment as it is now; one whose time is over is expired first."""
        self.expire_due()
        return self._payments.get(payment_id)

    def find_by_name(self, name: str) -> Payment | None:
        """Return a payment by its id or, of those with this external reference, the newest."""
        self.expire_due()
        if name.isascii() and name.isdecimal() and int(name) in self._payments:
            return self._payments[int(name)]
        ids = self._references.get(name)
        return self._payments[ids[-1]] if ids else None

    def all(self, external_reference: str | None = None) -> Iterator[Payment]:
        """Yield payments, newest first."""
        self.expire_due()
        if external_reference is None:
            yield from list(reversed(self._payments.values()))
        else:
            for payment_id in reversed(self._references.get(external_reference, [])):
                yield self._payments[payment_id]

    def clear(self) -> None:
        """Forget all payments; their ids are not used again."""
        self._payments.clear()
        self._references.clear()
        self._expiries.clear()

    def expire_due(self) -> int:
        """Cancel the pending payments whose time is over and return how many there were."""
        now = self._clock.now()
        count = 0
        while self._expiries and self._expiries[0][0] <= now:
            _, payment_id = heapq.heappop(self._expiries)
            payment = self._payments.get(payment_id)
            if payment is not None and payment.is_due(now):
                self.change(payment_id, cancel("expired"))
                count += 1
        return count

    async def keep_expiring(self) -> None:
        """Expire payments as they fall due, until cancelled."""
        while True:
            changed = self._changed
            self.expire_due()
            timeout_seconds = _LONGEST_WAIT_SECONDS
            if self._expiries:
                remaining = (self._expiries[0][0] - self._clock.now()).total_seconds()
                timeout_seconds = min(max(remaining, 0.0), timeout_seconds)
            await wait_for_event(changed, timeout_seconds)

    async def wait_for(
        self, name: str, accept: Callable[[Payment], bool], timeout_seconds: float
    ) -> Payment | None:
        """Return the payment once `accept` likes it, or None after the time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while True:
            changed = self._changed
            payment = self.find_by_name(name)
            if payment is not None and accept(payment):
                return payment
            if loop.time() >= deadline:
                return None
            await wait_for_event(changed, deadline - loop.time())

    def _announce(self, payment: Payment, action: str) -> None:
        # A fresh event for the next change: whoever took the old one before looking cannot miss this one.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._listener(payment, action)


async def wait_for_event(event: asyncio.Event, timeout_seconds: float) -> bool:
    """Wait for an event and tell whether it came within the time."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
