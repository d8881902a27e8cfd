"""What sending tells Prometheus. Labels are names of relays and topics, never keys or ids."""

from __future__ import annotations

from prometheus_client import Gauge, Histogram

SENT_BATCH = Histogram(
    "outbox_send_batch_records",
    "Events that went to Kafka in one batch.",
    ["relay", "topic"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000),
)
SEND_SECONDS = Histogram(
    "outbox_send_seconds",
    "From a batch's hand-over to the Kafka client until every replica in sync had it.",
    ["relay", "topic"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
SET_ASIDE_NOW = Gauge(
    "outbox_set_aside_waiting_records",
    "Events of the relay's outbox that are set aside now, up to a cap; every replica tells of all.",
    ["relay"],
)
