"""The topics, their partitions and how long they keep records."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 24 * 60 * 60 * 1000
RETENTION_MS = 7 * DAY_MS
"""How long a topic keeps a record. Inbox rows are kept longer (see `INBOX_RETENTION_MS`)."""
INBOX_RETENTION_MS = 14 * DAY_MS

SALE = "autodeal.sale.v1"
PAYMENT = "autodeal.payment.v1"
NOTIFICATION = "autodeal.notification.v1"


@dataclass(frozen=True)
class Topic:
    """A topic as it must exist in the cluster."""

    name: str
    key: str
    """What its records are keyed by, in words."""
    producer: str
    """The one service that writes to it."""
    readers: tuple[str, ...] = ()
    """The services whose consumers read it."""
    partitions: int = 12
    config: dict[str, str] = field(
        default_factory=lambda: {"retention.ms": str(RETENTION_MS), "cleanup.policy": "delete"}
    )


TOPICS = (
    Topic(name=SALE, key="order id", producer="vehicle", readers=("payment",)),
    Topic(name=PAYMENT, key="order id", producer="payment", readers=("vehicle",)),
    Topic(name=NOTIFICATION, key="provider payment id", producer="gateway", readers=("payment",)),
)
"""Every topic of the platform; `boleto.v1` joins with the boleto service."""

DEAD_LETTER_TOPICS = tuple(
    Topic(name=f"autodeal-{consumer}.dlq", key="the dead record's own key", producer=consumer)
    for consumer in ("vehicle", "payment")
)
"""A copy of each record that a consumer group gave up, for Kafka tooling; no service reads them."""


def topics_of(service: str) -> tuple[Topic, ...]:
    """Return the topics that a service writes to or reads, its dead letters with them."""
    return tuple(
        topic
        for topic in (*TOPICS, *DEAD_LETTER_TOPICS)
        if service == topic.producer or service in topic.readers
    )
