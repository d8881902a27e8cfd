"""How long a draft order keeps its vehicle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_vehicle.domain.business_days import add_business_days

BRASILIA = timezone(timedelta(hours=-3))
"""Brazil's bank time; there is no daylight saving since 2019."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleDeadlines:
    """The time a buyer has to pay, by method."""

    pix: timedelta = timedelta(minutes=30)
    card: timedelta = timedelta(minutes=30)
    boleto_business_days: int = 3

    def expiry(self, method: PaymentMethod, now: datetime) -> datetime:
        """Return the moment a draft made now is cancelled at; a boleto runs to the end of its last day."""
        if method is PaymentMethod.PIX:
            return now + self.pix
        if method is PaymentMethod.CARD:
            return now + self.card
        last_day = add_business_days(now.astimezone(BRASILIA).date(), self.boleto_business_days)
        return datetime.combine(last_day, time(23, 59, 59), BRASILIA).astimezone(now.tzinfo)
