"""Notifications, kept in Kafka: acknowledged by every replica in sync before anybody is told 200.

A producer that met an error is thrown away and the next notification makes a new one: an idempotent
producer can stay broken for good after an outage (aio-libs/aiokafka#1017). What it still held is not
lost, because the provider was not told 200 and sends it again; if it gets through after all, the
same notification comes twice under one event id and the inbox drops the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiokafka.errors import KafkaError

from autodeal_contracts.envelope import Envelope
from autodeal_gateway.app.errors import NotificationsUnavailableError
from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_platform.logs import get_logger

STOP_TIMEOUT_SECONDS = 30.0
"""How long a discarded producer may take to give up what it holds; above its request time-out."""
CLOSE_TIMEOUT_SECONDS = 5.0

_log = get_logger(__name__)


class Producer(Protocol):
    """As much of a Kafka producer as is used here."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Deliver or give up what is held, then disconnect."""
        ...

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> object:
        """Return once the record is durable."""
        ...


class KafkaNotificationLog:
    """Appends events to Kafka within a bounded time; see NotificationLog."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        timeout_seconds: float,
        in_flight_max: int,
        connect: Callable[[KafkaSettings], Producer] = make_producer,
    ) -> None:
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._in_flight_max = in_flight_max
        self._in_flight = 0
        self._connect = connect
        self._current: asyncio.Task[Producer] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def warm_up(self) -> None:
        """Begin to connect, so that the first notification need not wait for it."""
        self._starting()

    async def append(self, envelope: Envelope) -> None:
        """Return once the event is durable. Raises NotificationsUnavailableError in bounded time."""
        if self._in_flight >= self._in_flight_max:
            raise NotificationsUnavailableError
        self._in_flight += 1
        starting = self._starting()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                # Shielded: many notifications wait for this one start, and none may end it.
                producer = await asyncio.shield(starting)
                await producer.send_and_wait(
                    envelope.topic, envelope.data, envelope.key.encode(), headers=envelope.headers()
                )
        except (TimeoutError, KafkaError, OSError) as error:
            _log.warning("notifications.not_stored", error=type(error).__name__)
            self._discard(starting)
            raise NotificationsUnavailableError from None
        finally:
            self._in_flight -= 1

    async def close(self) -> None:
        """Disconnect; nothing that was acknowledged is pending any more."""
        if self._current is not None:
            if not self._current.done():
                self._current.cancel()
                await asyncio.wait({self._current})
            self._discard(self._current)
        if self._leaving:
            _, late = await asyncio.wait(self._leaving, timeout=CLOSE_TIMEOUT_SECONDS)
            for task in late:
                task.cancel()

    def _starting(self) -> asyncio.Task[Producer]:
        """Return the start of the current producer, begun now if there is none."""
        if self._current is None:
            self._current = asyncio.create_task(self._start(), name="start-notification-producer")
            self._current.add_done_callback(_forget_error)
        return self._current

    async def _start(self) -> Producer:
        producer = self._connect(self._settings)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await producer.start()
        except BaseException:
            # Its sockets are open though it never started.
            self._leave(producer.stop())
            raise
        return producer

    def _discard(self, starting: asyncio.Task[Producer]) -> None:
        """Let the next notification make a new producer, once for all that failed with this one."""
        if self._current is not starting:
            return
        if not starting.done():
            # Still connecting: whoever comes next waits for the same attempt, which is bounded.
            return
        self._current = None
        if not starting.cancelled() and starting.exception() is None:
            self._leave(starting.result().stop())

    def _leave(self, stop: Awaitable[None]) -> None:
        task = asyncio.create_task(_stop_within(stop), name="stop-notification-producer")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


async def _stop_within(stop: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
            await stop
    except (TimeoutError, KafkaError, OSError) as error:
        _log.warning("notifications.producer_not_stopped", error=type(error).__name__)


def _forget_error(starting: asyncio.Task[Producer]) -> None:
    """Take the error of a start that nobody waits for any more, so that it is not reported as lost."""
    if not starting.cancelled():
        starting.exception()
