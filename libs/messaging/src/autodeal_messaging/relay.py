"""The relay: brings committed events from an outbox to Kafka, in order for each key."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer

from autodeal_messaging.backoff import Backoff, wait_for_event
from autodeal_messaging.end_in_time import end_in_time
from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.metrics import OUTBOX_DEPTH, OUTBOX_OLDEST_AGE, OUTBOX_SHARDS_HELD, RELAY_FAILURES
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.metrics import SET_ASIDE_NOW
from autodeal_messaging.outbox.port import OutboxRecord, OutboxStore
from autodeal_messaging.parking.unsendable import UnsendableGuard, UnsendableStore
from autodeal_messaging.relay_reach import KafkaReach
from autodeal_messaging.relay_round import RelayLimits, RelayRound

log = structlog.get_logger(__name__)

MEASURE_INTERVAL_SECONDS = 5.0
PRODUCER_STOP_TIMEOUT_SECONDS = 1.0
SENDING_SHARE = 0.75
"""Of the drain time-out; the rest is for deleting what was sent and for leaving."""


class Relay:
    """Takes its share of an outbox's shards and sends their records, for as long as it runs.

    Every record that was committed reaches Kafka at least once, and the first copies of one key's
    records arrive in the order of their commits. That holds whatever dies, because a sender always sends
    a contiguous run of a key that begins at its oldest record Kafka has not acknowledged, and deletes
    only what Kafka has acknowledged.

    A send that fails has an unknown outcome, so its producer is thrown away with all that is in
    flight, and a new one reads again from the outbox after a pause. While Kafka is away the outbox
    grows and nothing else happens. A relay that alone cannot reach it hands its shards, of which nothing
    is in flight any more, to those that can.

    With `unsendable`, an event that Kafka refuses for good, being too large, is set aside with the later
    ones of its key and stops nobody else.
    """

    def __init__(
        self,
        store: OutboxStore,
        kafka: KafkaSettings,
        nudge: Nudge,
        name: str,
        *,
        limits: RelayLimits | None = None,
        unsendable: UnsendableStore | None = None,
    ) -> None:
        self._store = store
        self._kafka = kafka
        self._nudge = nudge
        self._name = name
        self._limits = limits or RelayLimits(
            acknowledge_timeout_seconds=3 * kafka.kafka_request_timeout_ms / 1000,
            drain_timeout_seconds=SENDING_SHARE * kafka.kafka_drain_timeout_seconds,
        )
        self._guard = UnsendableGuard(unsendable)
        self._alone: frozenset[Any] = frozenset()
        self._refused: Sequence[OutboxRecord] = ()
        self._round: RelayRound | None = None
        self._reach = KafkaReach(name, self._limits, lambda: asyncio.get_running_loop().time())

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until told to stop; then finish what is in flight within the drain time-out."""
        await end_in_time(self._relay(stop), stop, self._kafka.kafka_drain_timeout_seconds)

    async def _relay(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._nudge.wake())
        backoff = Backoff(
            first_seconds=self._limits.retry_first_seconds,
            maximum_seconds=self._limits.retry_maximum_seconds,
        )
        try:
            while not stop.is_set():
                try:
                    await self._store.open()
                    await self._relay_with_store(stop, backoff)
                except Exception as error:  # noqa: BLE001  # the database may be away for any reason
                    await self._note_failure("relay.store_failed", error, backoff, stop)
                finally:
                    await self._store.close()
        finally:
            stopping.cancel()

    async def _relay_with_store(self, stop: asyncio.Event, backoff: Backoff) -> None:
        """Relay while the store can be reached; raises its error when it cannot."""
        await self._store.balance(self._busy_shards, can_send=self._reach.can_send)
        upkeep = asyncio.create_task(self._keep_up())
        rounds = asyncio.create_task(self._relay_in_rounds(stop, backoff))
        try:
            await asyncio.wait({upkeep, rounds}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (upkeep, rounds):
                if not task.done():
                    task.cancel()
            results = await asyncio.gather(upkeep, rounds, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _relay_in_rounds(self, stop: asyncio.Event, backoff: Backoff) -> None:
        while not stop.is_set():
            failure = await self._run_round(stop, backoff)
            if failure is not None and not await self._set_aside(failure):
                await self._note_failure("relay.send_failed", failure, backoff, stop)
                if not self._reach.can_send:
                    await self._leave_it_to_others(stop)

    async def _leave_it_to_others(self, stop: asyncio.Event) -> None:
        """Hand over the shards and pause, if there are relays that can send; else go on trying."""
        loop = asyncio.get_running_loop()
        # Before Kafka is tried again: a client that finds it may still not get anything through.
        await self._store.balance(self._busy_shards, can_send=False)
        pause_until = None
        # Shards come back in the middle of it when the others have gone, or cannot send either.
        while not (self._store.held or stop.is_set()):
            pause_until = pause_until or loop.time() + self._reach.next_pause_seconds()
            if loop.time() >= pause_until:
                return
            await self._nudge.wait(pause_until - loop.time())

    async def _set_aside(self, failure: Exception) -> bool:
        """Deal with a batch that Kafka refuses for good; tell whether the relay may go on at once."""
        refused, self._refused = self._refused, ()
        if not refused or not self._guard.is_on:
            return False
        if len(refused) > 1:
            # Nobody knows which of them it was, until each travels alone.
            self._alone = frozenset(record.position for record in refused)
            return True
        self._alone -= {refused[0].position}
        return await self._guard.set_aside(refused[0], failure)

    async def _run_round(self, stop: asyncio.Event, backoff: Backoff) -> Exception | None:
        """Run one producer's life; return the failure of Kafka that ended it, raise those of the store."""
        producer = make_producer(self._kafka)
        try:
            try:
                await producer.start()
            except Exception as error:  # noqa: BLE001  # aiokafka raises more than its own errors here
                self._reach.note_failure()
                return error
            self._reach.note_found()
            self._round = RelayRound(
                self._store,
                producer,
                self._nudge,
                self._name,
                self._limits,
                guard=self._guard,
                alone=self._alone,
            )
            await self._round.run(stop)
            self._refused = self._round.refused
            self._reach.note_end_of(self._round)
            if self._round.acknowledged_count:
                backoff.reset()
            return self._round.failure
        finally:
            if self._round is not None:
                await self._round.abandon()
                self._round = None
            await _discard(producer)

    async def _keep_up(self) -> None:
        """Keep the shares even and the gauges fresh, also while Kafka is away."""
        loop = asyncio.get_running_loop()
        measure_at = loop.time()
        while True:
            await asyncio.sleep(self._store.balance_interval_seconds)
            before = self._store.held
            await self._store.balance(self._busy_shards, can_send=self._reach.can_send)
            if self._store.held - before:
                self._nudge.ring()
            OUTBOX_SHARDS_HELD.labels(self._name).set(len(self._store.held))
            if loop.time() >= measure_at:
                measure_at = loop.time() + MEASURE_INTERVAL_SECONDS
                backlog = await self._store.measure()
                OUTBOX_DEPTH.labels(self._name).set(backlog.depth)
                OUTBOX_OLDEST_AGE.labels(self._name).set(backlog.oldest_age_seconds)
                SET_ASIDE_NOW.labels(self._name).set(await self._guard.count())

    def _busy_shards(self) -> set[int]:
        return self._round.busy_shards() if self._round is not None else set()

    async def _note_failure(
        self, event: str, error: Exception, backoff: Backoff, stop: asyncio.Event
    ) -> None:
        delay_seconds = backoff.next_seconds()
        RELAY_FAILURES.labels(self._name, type(error).__name__).inc()
        log.warning(event, relay=self._name, error=repr(error), retry_in_seconds=round(delay_seconds, 3))
        await wait_for_event(stop, delay_seconds)


async def _discard(producer: AIOKafkaProducer) -> None:
    """Stop a producer without waiting for batches that may never be acknowledged."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(PRODUCER_STOP_TIMEOUT_SECONDS):
            await producer.stop()
