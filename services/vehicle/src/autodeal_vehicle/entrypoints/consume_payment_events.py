"""What the payment service says, one event at a time or many in one commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import get_args

from autodeal_contracts.catalog import unseal
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.payment import PaymentEvent
from autodeal_platform.logs import get_logger
from autodeal_platform.telemetry import bind_purchase, child_traceparent
from autodeal_vehicle.app.handle_payment_event import Delivery, HandlePaymentEvent

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


def payment_events_handler(handle: HandlePaymentEvent) -> Callable[[Sequence[Envelope]], Awaitable[None]]:
    """Return the consumer's handler of events of different orders; if it raises, none was handled."""

    async def handle_envelopes(envelopes: Sequence[Envelope]) -> None:
        deliveries: list[tuple[Envelope, Delivery]] = []
        for envelope in envelopes:
            event = unseal(envelope)
            if isinstance(event, _KINDS):
                delivery = Delivery(
                    event=event,
                    event_id=envelope.id,
                    correlation_id=envelope.correlation_id,
                    traceparent=child_traceparent(envelope.traceparent),
                )
                deliveries.append((envelope, delivery))
            else:
                _log.warning("payment_topic.foreign_event", type=envelope.type)
        if deliveries:
            await handle.together([delivery for _, delivery in deliveries])
        for envelope, delivery in deliveries:
            with bind_purchase(delivery.correlation_id, delivery.event_id, delivery.traceparent):
                _log.info("payment_event.handled", type=envelope.type, sequence=envelope.sequence)

    return handle_envelopes
