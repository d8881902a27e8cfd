"""Kafka clients made from the settings, the same way for every producer and consumer."""

from __future__ import annotations

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from autodeal_messaging.disposable_clients import DisposableConsumer, DisposableProducer
from autodeal_messaging.kafka_identity import identity_arguments
from autodeal_messaging.kafka_log import limit_repeated_lines
from autodeal_messaging.kafka_settings import KafkaSettings

METADATA_MAX_AGE_MS = 30_000
"""How late a client may learn of new topics and partitions."""
DAY_MS = 24 * 60 * 60 * 1000


def make_producer(settings: KafkaSettings) -> DisposableProducer:
    """Make a producer that waits for every replica in sync; the caller starts and stops it."""
    return DisposableProducer(
        **_connection(settings),
        acks="all",
        enable_idempotence=settings.kafka_idempotent_producer,
        linger_ms=0,
        max_batch_size=settings.kafka_max_batch_bytes,
        request_timeout_ms=settings.kafka_request_timeout_ms,
    )


def make_consumer(settings: KafkaSettings, group: str) -> DisposableConsumer:
    """Make a member of a group that reads from the earliest record and commits only when told."""
    return DisposableConsumer(
        **_connection(settings),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=settings.kafka_session_timeout_ms,
        heartbeat_interval_ms=settings.kafka_heartbeat_interval_ms,
        rebalance_timeout_ms=settings.kafka_rebalance_timeout_ms,
        # The answer to a request to join comes when the whole group has joined.
        request_timeout_ms=settings.kafka_rebalance_timeout_ms + settings.kafka_request_timeout_ms,
        # A record that fails holds its partition for as long as it takes; that is no reason to leave.
        max_poll_interval_ms=DAY_MS,
        fetch_max_wait_ms=settings.kafka_fetch_max_wait_ms,
        leave_group=settings.kafka_leave_group,
    )


def make_admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """Make an admin client; the caller starts and closes it."""
    return AIOKafkaAdminClient(**_connection(settings), request_timeout_ms=settings.kafka_request_timeout_ms)


def _connection(settings: KafkaSettings) -> dict[str, Any]:
    limit_repeated_lines()
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "client_id": settings.kafka_client_id,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        **identity_arguments(settings),
    }
