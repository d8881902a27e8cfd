"""Take in what the vehicle service says about an order, then go on with it."""

from __future__ import annotations

from functools import partial

from autodeal_contracts.events.sale import (
    SaleCancelled,
    SaleCompleted,
    SaleEvent,
    SaleInitialized,
    SaleRefundRequested,
)
from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.change_sale import SaleChanger
from autodeal_payment.app.ports.sale_store import AlreadyHandledError
from autodeal_payment.domain import sale_acts
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment


class SaleNotKnownError(Exception):
    """An order was completed or is to be refunded that never began here: earlier events are missing."""

    code = "sale_not_known"


class HandleSaleEvent:
    """What happened is committed with the event's inbox mark before the provider is called."""

    def __init__(self, changer: SaleChanger, advance: AdvanceSale) -> None:
        self._changer = changer
        self._advance = advance

    async def __call__(self, event: SaleEvent, event_id: str) -> None:
        """Handle an event; one that comes again only makes sure that its sale goes on."""
        sale: Sale | None = None
        try:
            sale = await self._changer.change(
                event.order_id,
                partial(decide, event),
                presumed_new=isinstance(event, SaleInitialized),
                handled=event_id,
            )
        except AlreadyHandledError:
            sale = None
        await self._advance(event.order_id, loaded=sale)


def decide(event: SaleEvent, sale: Sale | None, moment: Moment) -> Outcome:
    """Return what the event brings about; raises SaleNotKnownError."""
    if isinstance(event, SaleInitialized):
        if sale is None:
            return sale_acts.begin_sale(event, moment.now)
        return sale_acts.fill_in_sale(sale, event)
    if isinstance(event, SaleCancelled):
        if sale is None:
            return sale_acts.begin_cancelled(event, moment.now)
        return sale_acts.cancel_sale(sale, moment)
    if sale is None:
        raise SaleNotKnownError(f"order {event.order_id} never began here")
    if isinstance(event, SaleRefundRequested):
        return sale_acts.request_refund(sale, event, moment.now)
    assert isinstance(event, SaleCompleted)
    return sale_acts.complete_sale(sale)
