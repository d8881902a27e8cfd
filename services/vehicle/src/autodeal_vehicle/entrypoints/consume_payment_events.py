"""What the payment service says, one event at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import get_args

from autodeal_contracts.catalog import unseal
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.payment import PaymentEvent
from autodeal_platform.logs import get_logger
from autodeal_platform.telemetry import bind_purchase, child_traceparent
from autodeal_vehicle.app.handle_payment_event import HandlePaymentEvent

_log = get_logger(__name__)
_KINDS: tuple[type[PaymentEvent], ...] = get_args(PaymentEvent)


def payment_event_handler(handle: HandlePaymentEvent) -> Callable[[Envelope], Awaitable[None]]:
    """Return the consumer's handler; it raises what cannot be handled, which is then tried again."""

    async def handle_envelope(envelope: Envelope) -> None:
        event = unseal(envelope)
        trace = child_traceparent(envelope.traceparent)
        with bind_purchase(envelope.correlation_id, envelope.id, trace):
            if not isinstance(event, _KINDS):
                _log.warning("payment_topic.foreign_event", type=envelope.type)
                return
            await handle(event, envelope.id)
            _log.info("payment_event.handled", type=envelope.type, sequence=envelope.sequence)

    return handle_envelope
