"""Until when the provider is told to take the money."""

from __future__ import annotations

from datetime import datetime, timedelta

from autodeal_contracts.events.sale import PaymentMethod

PIX_SHORTEST_LIFE = timedelta(minutes=30)
"""The provider takes no shorter expiry of a Pix; the order's own deadline is kept by calling it off."""
BOLETO_SHORTEST_LIFE = timedelta(days=1)
"""A boleto is paid at a bank's pace: its printed due date is never today."""
_SLACK = timedelta(minutes=1)
"""For clocks that differ and calls that take their time."""


def provider_expiry(method: PaymentMethod, wanted: datetime, now: datetime) -> datetime:
    """Return the wanted expiry if the provider accepts it now, and otherwise the nearest that it does.

    A repeated call should say what the first one said, so the wanted time is kept as long as it can be.
    """
    shortest = BOLETO_SHORTEST_LIFE if method is PaymentMethod.BOLETO else PIX_SHORTEST_LIFE
    return wanted if wanted >= now + shortest + _SLACK / 2 else now + shortest + _SLACK
