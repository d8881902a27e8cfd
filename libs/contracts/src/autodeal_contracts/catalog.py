"""From an event to its envelope and back.

One place knows, for each event type: its topic, what it is keyed by, its aggregate and its codec.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from autodeal_contracts import topics
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.notification import NotificationReceived
from autodeal_contracts.events.payment import PaymentEvent
from autodeal_contracts.events.sale import SaleEvent

if TYPE_CHECKING:
    from datetime import datetime

AnyEvent = SaleEvent | PaymentEvent | NotificationReceived


class UndecodableEventError(ValueError):
    """An event of a known or unknown type whose data cannot be read; no retry will help."""

    code = "undecodable_event"


@dataclass(frozen=True)
class EventType:
    """One row of the catalogue."""

    name: str
    struct: type[Any]
    topic: str
    decoder: msgspec.json.Decoder[Any]


def _rows() -> dict[str, EventType]:
    by_topic: dict[str, tuple[type[Any], ...]] = {
        topics.SALE: get_args(SaleEvent),
        topics.PAYMENT: get_args(PaymentEvent),
        topics.NOTIFICATION: (NotificationReceived,),
    }
    return {
        struct.__struct_config__.tag: EventType(
            name=struct.__struct_config__.tag,
            struct=struct,
            topic=topic,
            decoder=msgspec.json.Decoder(struct),
        )
        for topic, structs in by_topic.items()
        for struct in structs
    }


EVENT_TYPES = _rows()
"""Every event type by its name on the wire."""

_encoder = msgspec.json.Encoder()


def type_name(event: AnyEvent | type[Any]) -> str:
    """Return the event's name on the wire, such as `sale.initialized`."""
    return str(event.__struct_config__.tag)


def seal(
    event: AnyEvent,
    *,
    event_id: str,
    source: str,
    time: datetime,
    sequence: int,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> Envelope:
    """Put an event into its envelope.

    `source` is the service's short name; `sequence` is the aggregate's own count of its events.
    """
    row = EVENT_TYPES[type_name(event)]
    if isinstance(event, NotificationReceived):
        key, subject = event.provider_payment_id, f"provider_payment/{event.provider_payment_id}"
    else:
        key, subject = str(event.order_id), f"order/{event.order_id}"
    return Envelope(
        topic=row.topic,
        key=key,
        id=event_id,
        type=row.name,
        source=f"/autodeal/{source}",
        subject=subject,
        time=time,
        sequence=sequence,
        correlation_id=key,
        causation_id=causation_id,
        traceparent=traceparent,
        data=_encoder.encode(event),
    )


def unseal(envelope: Envelope) -> AnyEvent:
    """Read the event in an envelope.

    Raises UndecodableEventError for a type that is not in the catalogue and for data that does not
    fit its type.
    """
    row = EVENT_TYPES.get(envelope.type)
    if row is None:
        raise UndecodableEventError(f"no event type is called {envelope.type!r}")
    try:
        event: AnyEvent = row.decoder.decode(envelope.data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableEventError(f"{envelope.type} {envelope.id}: {error}") from None
    return event
