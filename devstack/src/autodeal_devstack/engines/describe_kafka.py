"""The Kafka group of settings for a local broker."""

from __future__ import annotations

from dataclasses import replace

from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_messaging.kafka_settings import KafkaSettings

EMBEDDED_FETCH_MAX_WAIT_MS = 20
"""The embedded broker sleeps half of a fetch's wait; with the default every record comes 50 ms late."""


def kafka_environment(endpoints: Endpoints) -> dict[str, str]:
    """Return the variables with which a service reaches the broker of `endpoints`."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka_bootstrap_servers,
        "KAFKA_IDEMPOTENT_PRODUCER": str(endpoints.kafka_idempotent).lower(),
        # A killed process is noticed within three seconds, so that faults are seen to heal while one watches.
        "KAFKA_SESSION_TIMEOUT_MS": "3000",
        "KAFKA_HEARTBEAT_INTERVAL_MS": "300",
    }
    if not endpoints.kafka_idempotent:
        environment["KAFKA_FETCH_MAX_WAIT_MS"] = str(EMBEDDED_FETCH_MAX_WAIT_MS)
        environment["KAFKA_LEAVE_GROUP"] = "false"
    return environment


def kafka_settings_for(endpoints: Endpoints) -> KafkaSettings:
    """Return the same as an object."""
    settings = KafkaSettings(
        kafka_bootstrap_servers=endpoints.kafka_bootstrap_servers,
        kafka_idempotent_producer=endpoints.kafka_idempotent,
        kafka_session_timeout_ms=3_000,
        kafka_heartbeat_interval_ms=300,
    )
    if endpoints.kafka_idempotent:
        return settings
    return replace(settings, kafka_fetch_max_wait_ms=EMBEDDED_FETCH_MAX_WAIT_MS, kafka_leave_group=False)
