"""Bringing topics into being, as a step of a service's migration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog
from aiokafka.admin import NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from autodeal_messaging.kafka_clients import make_admin
from autodeal_messaging.kafka_settings import KafkaSettings

log = structlog.get_logger(__name__)


class WantedTopic(Protocol):
    """A topic as it must exist."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def partitions(self) -> int: ...  # noqa: D102

    @property
    def config(self) -> Mapping[str, str]: ...  # noqa: D102


class TopicsError(RuntimeError):
    """Topics that could not be made; the message names each with the broker's reason."""

    code = "topics_not_created"


async def ensure_topics(
    settings: KafkaSettings, topics: Iterable[WantedTopic], *, replication_factor: int = 1
) -> None:
    """Create the topics that are missing; leave those that exist as they are.

    Raises TopicsError when the broker refuses one, and KafkaError when it cannot be reached.
    """
    wanted = list(topics)
    admin = make_admin(settings)
    try:
        await admin.start()
        response = await admin.create_topics(
            [
                NewTopic(
                    name=topic.name,
                    num_partitions=topic.partitions,
                    replication_factor=replication_factor,
                    topic_configs=dict(topic.config),
                )
                for topic in wanted
            ]
        )
    finally:
        await admin.close()
    refused = []
    for name, error_code, *details in response.topic_errors:
        error = for_code(error_code)
        if error is NoError:
            log.info("topics.created", topic=name)
        elif error is not TopicAlreadyExistsError:
            reason = next((detail for detail in details if detail), error.__name__)
            refused.append(f"{name}: {reason}")
    if refused:
        raise TopicsError("; ".join(refused))
