"""Kafka clients made from the settings, the same way for every producer and consumer."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.helpers import create_ssl_context

from autodeal_messaging.kafka_log import limit_repeated_lines
from autodeal_messaging.kafka_settings import KafkaSettings

METADATA_MAX_AGE_MS = 30_000
"""How late a client may learn of new topics and partitions."""
DAY_MS = 24 * 60 * 60 * 1000


def make_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """Make a producer that waits for every replica in sync; the caller starts and stops it."""
    return AIOKafkaProducer(
        **_connection(settings),
        acks="all",
        enable_idempotence=settings.kafka_idempotent_producer,
        linger_ms=0,
        max_batch_size=settings.kafka_max_batch_bytes,
        request_timeout_ms=settings.kafka_request_timeout_ms,
    )


def make_consumer(settings: KafkaSettings, group: str) -> AIOKafkaConsumer:
    """Make a member of a group that reads from the earliest record and commits only when told."""
    return AIOKafkaConsumer(
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
    )


def make_admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """Make an admin client; the caller starts and closes it."""
    return AIOKafkaAdminClient(**_connection(settings), request_timeout_ms=settings.kafka_request_timeout_ms)


def _connection(settings: KafkaSettings) -> dict[str, Any]:
    limit_repeated_lines()
    encrypted = settings.kafka_security_protocol in {"SSL", "SASL_SSL"}
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "client_id": settings.kafka_client_id,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": create_ssl_context() if encrypted else None,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": settings.kafka_sasl_password,
    }
