"""What parking tells Prometheus. Labels are names of groups, topics and kinds, never keys or ids."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

PARKED_NOW = Gauge("parked_records", "Records that wait for another attempt, up to a cap.", ["group"])
DEAD_NOW = Gauge("dead_records", "Records that wait for an operator, up to a cap.", ["group"])
PARKED = Counter(
    "consumer_parked_records",
    "Records that were parked, by why: transient, permanent, or behind an earlier one of their key.",
    ["group", "topic", "why"],
)
REPLAYED = Counter(
    "replayed_records", "Attempts at parked records: handled, failed, dead, or put off.", ["group", "outcome"]
)
SET_ASIDE = Counter(
    "outbox_set_aside_records", "Events that Kafka refused for good, and later ones of their keys.", ["topic"]
)
