"""What a change of the aggregate brings with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from autodeal_contracts.events.payment import PaymentEvent
from autodeal_payment.domain.ledger import LedgerEntry
from autodeal_payment.domain.sale import Sale


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The sale afterwards, and what must be committed with it."""

    sale: Sale
    trigger: str
    """What brought it about, in the saga table's words."""
    events: tuple[PaymentEvent, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()

    def then(self, follow: Callable[[Sale], Outcome]) -> Outcome:
        """Return this outcome with what follows from its sale added to it."""
        after = follow(self.sale)
        return replace(
            self,
            sale=after.sale,
            events=(*self.events, *after.events),
            entries=(*self.entries, *after.entries),
        )
