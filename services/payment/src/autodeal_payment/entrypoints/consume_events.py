"""What the vehicle service and the provider's webhooks say, one event at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import get_args

from autodeal_contracts.catalog import unseal
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.notification import NotificationReceived
from autodeal_contracts.events.sale import SaleEvent
from autodeal_payment.app.handle_notification import HandleNotification
from autodeal_payment.app.handle_sale_event import HandleSaleEvent
from autodeal_platform.logs import get_logger
from autodeal_platform.telemetry import bind_purchase, child_traceparent

_log = get_logger(__name__)
_SALE_EVENTS: tuple[type[SaleEvent], ...] = get_args(SaleEvent)


def event_handler(
    handle_sale_event: HandleSaleEvent, handle_notification: HandleNotification
) -> Callable[[Envelope], Awaitable[None]]:
    """Return the consumer's handler; it raises what cannot be handled, which is then tried again."""

    async def handle_envelope(envelope: Envelope) -> None:
        event = unseal(envelope)
        trace = child_traceparent(envelope.traceparent)
        # A notification is correlated by the provider's id, until its order is known.
        correlation = None if isinstance(event, NotificationReceived) else envelope.correlation_id
        with bind_purchase(correlation, envelope.id, trace):
            if isinstance(event, NotificationReceived):
                await handle_notification(event, envelope.id)
            elif isinstance(event, _SALE_EVENTS):
                await handle_sale_event(event, envelope.id)
            else:
                _log.warning("sale_topic.foreign_event", type=envelope.type)
                return
            _log.info("event.handled", type=envelope.type, sequence=envelope.sequence)

    return handle_envelope
