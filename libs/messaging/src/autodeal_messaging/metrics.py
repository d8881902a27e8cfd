"""What messaging tells Prometheus. Labels are names of topics, relays and groups, never ids."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_DEPTH = Gauge(
    "outbox_depth", "Events committed and not yet acknowledged by Kafka, up to a cap.", ["relay"]
)
OUTBOX_OLDEST_AGE = Gauge(
    "outbox_oldest_age_seconds", "Age of the oldest event that Kafka has not acknowledged.", ["relay"]
)
OUTBOX_SHARDS_HELD = Gauge("outbox_shards_held", "Shards that this relay reads.", ["relay"])
RELAYED = Counter("outbox_relayed_records", "Events that Kafka acknowledged.", ["relay", "topic"])
RELAY_FAILURES = Counter(
    "outbox_relay_failures", "Rounds of a relay that ended in an error, by its class.", ["relay", "error"]
)
HANDLED = Counter("consumer_handled_records", "Records that took effect.", ["group", "topic"])
RETRIED = Counter(
    "consumer_retried_records", "Attempts at a record that failed, by the error's class.",
    ["group", "topic", "error"],
)  # fmt: skip
COMMIT_RECORDS = Histogram(
    "consumer_commit_records",
    "Records that took effect in one commit.",
    ["group"],
    buckets=(1, 2, 5, 10, 20, 50, 100),
)
PAUSED = Gauge("consumer_paused", "1 while a consumer waits for its surroundings to come back.", ["group"])
HELD = Gauge("consumer_held_records", "Records that failed and are being retried now.", ["group"])
IN_FLIGHT = Gauge("consumer_in_flight_records", "Records read and not yet finished.", ["group"])
CONSUMER_LAG = Gauge(
    "consumer_lag_records",
    "Records of this member's partitions that have not taken effect; only a live member tells.",
    ["group", "topic"],
)
LATENCY = Histogram(
    "commit_to_handled_seconds",
    "Time from an event's commit in one service to its effect in another.",
    ["group", "topic"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
SEQUENCE_GAPS = Counter(
    "consumer_sequence_gaps",
    "Times that an event's own count was not the one after its key's last: something is missing.",
    ["group", "topic"],
)
INBOX_DUPLICATES = Counter("inbox_duplicates", "Events met again after they had taken effect.", ["consumer"])
DEADLINES_HANDLED = Counter("deadlines_handled", "Deadlines handled.", ["kind"])
DEADLINES_FAILED = Counter("deadlines_failed", "Attempts at a deadline that failed.", ["kind", "error"])

DEADLINES_OVERDUE = Gauge(
    "deadlines_oldest_overdue_seconds", "How long ago the oldest deadline that still waits fell due."
)
DEADLINES_READ_AT = Gauge(
    "deadlines_last_read_timestamp_seconds",
    "When this process last read what is due, in seconds since 1970; 0 where nobody reads.",
)


def count_inbox_duplicate(consumer: str) -> None:
    """Count an event that the inbox turned away; for writes that fold the inbox into their own."""
    INBOX_DUPLICATES.labels(consumer).inc()
