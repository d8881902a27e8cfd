"""The consumer: hands each record of its topics to a handler, and commits only what took effect."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog

from autodeal_messaging.backoff import Backoff, wait_for_event
from autodeal_messaging.consumer_membership import ConsumerMembership
from autodeal_messaging.handle_record import Handler, HandlerTogether, RecordHandler
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.record_failures import RecordFailures

log = structlog.get_logger(__name__)


class Consumer:
    """One member of a consumer group, for as long as it runs.

    - Records of one key are handled one after the other, in order; different keys side by side, at most
      `concurrency` at a time.
    - An offset is committed only when every record before it took effect. What was handled after the
      last commit is handed over again after a crash, and the inbox drops it.
    - With `together`, records of different keys that are ready at the same time share a transaction; when
      it fails, each is handed to `handler` on its own.
    - A failing record is tried again with growing delays and never skipped, unless `failures` parks it.
      When the surroundings are away, nothing is tried for a while.
    - Before a partition is given up, and on a stop, what runs may finish within the drain time-out.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        topics: Collection[str],
        handler: Handler,
        *,
        together: HandlerTogether | None = None,
        concurrency: int | None = None,
        failures: RecordFailures | None = None,
    ) -> None:
        self._kafka = kafka
        self._group = group
        self._topics = list(topics)
        self._records = RecordHandler(
            group,
            handler,
            concurrency or kafka.kafka_consumer_concurrency,
            failures,
            together,
            kafka.kafka_consumer_commit_records,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until told to stop; then drain. Joins again after errors of Kafka's."""
        backoff = Backoff(first_seconds=0.2, maximum_seconds=5.0)
        while not stop.is_set():
            membership = ConsumerMembership(self._kafka, self._group, self._topics, self._records.handle)
            try:
                await membership.run(stop)
            except Exception as error:  # noqa: BLE001  # aiokafka raises more than its own errors
                if membership.joined:
                    backoff.reset()
                delay_seconds = backoff.next_seconds()
                log.warning(
                    "consumer.failed",
                    group=self._group,
                    error=repr(error),
                    retry_in_seconds=round(delay_seconds, 3),
                )
                await wait_for_event(stop, delay_seconds)
