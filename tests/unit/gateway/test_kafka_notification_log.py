from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber

from autodeal_contracts.envelope import Envelope
from autodeal_gateway.adapters.kafka_notification_log import KafkaNotificationLog
from autodeal_gateway.app.errors import NotificationsUnavailableError
from autodeal_gateway.domain.notification import Notification, seal_notification
from autodeal_messaging.kafka_settings import KafkaSettings

SETTINGS = KafkaSettings(kafka_bootstrap_servers="nowhere:9092")
ENVELOPE = seal_notification(
    Notification("77", "r-1", "5"), random_id="x", now=datetime(2026, 3, 1, tzinfo=UTC), traceparent=None
)


class ScriptedProducer:
    """A producer that behaves as the broker does at the moment."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.broken = False
        self.stopped = False

    async def start(self) -> None:
        if self.broker.hangs:
            await asyncio.Event().wait()
        if self.broker.away:
            raise KafkaConnectionError

    async def stop(self) -> None:
        self.stopped = True

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> None:
        await asyncio.sleep(0)
        if self.broker.hangs:
            await asyncio.Event().wait()
        if self.broker.away or self.broken:
            # An idempotent producer that met an outage stays broken for good.
            self.broken = True
            raise OutOfOrderSequenceNumber
        self.broker.kept.append((topic, value, key, headers))


class Broker:
    def __init__(self) -> None:
        self.away = False
        self.hangs = False
        self.producers: list[ScriptedProducer] = []
        self.kept: list[object] = []

    def connect(self, settings: KafkaSettings) -> ScriptedProducer:
        assert settings is SETTINGS
        self.producers.append(ScriptedProducer(self))
        return self.producers[-1]


@pytest.fixture
def broker() -> Broker:
    return Broker()


LogMaker = Callable[..., KafkaNotificationLog]


@pytest.fixture
async def make_log(broker: Broker) -> AsyncIterator[LogMaker]:
    made = []

    def make(*, timeout_seconds: float = 60.0, in_flight_max: int = 100) -> KafkaNotificationLog:
        made.append(
            KafkaNotificationLog(
                SETTINGS, timeout_seconds=timeout_seconds, in_flight_max=in_flight_max, connect=broker.connect
            )
        )
        return made[-1]

    yield make
    for log in made:
        await log.close()
    assert all(producer.stopped for producer in broker.producers)


async def refused(log: KafkaNotificationLog, envelope: Envelope = ENVELOPE) -> None:
    with pytest.raises(NotificationsUnavailableError):
        await log.append(envelope)


async def test_one_producer_serves_all_when_nothing_fails(broker: Broker, make_log: LogMaker) -> None:
    log = make_log()
    log.warm_up()
    await asyncio.gather(*(log.append(ENVELOPE) for _ in range(20)))
    assert (len(broker.producers), len(broker.kept)) == (1, 20)
    assert broker.kept[0] == (ENVELOPE.topic, ENVELOPE.data, b"77", ENVELOPE.headers())


async def test_producer_is_replaced_once_when_many_sends_failed_on_it(
    broker: Broker, make_log: LogMaker
) -> None:
    log = make_log()
    await log.append(ENVELOPE)
    broker.away = True
    await asyncio.gather(*(refused(log) for _ in range(20)))
    broker.away = False
    await asyncio.gather(*(log.append(ENVELOPE) for _ in range(20)))
    assert (len(broker.producers), len(broker.kept)) == (2, 21)
    assert broker.producers[0].stopped


async def test_log_connects_again_when_kafka_was_away_at_the_start(
    broker: Broker, make_log: LogMaker
) -> None:
    broker.away = True
    log = make_log()
    log.warm_up()
    await asyncio.gather(*(refused(log) for _ in range(5)))
    broker.away = False
    await log.append(ENVELOPE)
    assert len(broker.kept) == 1


@pytest.mark.parametrize("when", ["connecting", "sending"])
async def test_answer_comes_in_bounded_time_when_kafka_is_silent(
    broker: Broker, make_log: LogMaker, when: str
) -> None:
    log = make_log(timeout_seconds=0.02)
    if when == "sending":
        await log.append(ENVELOPE)
    broker.hangs = True
    await asyncio.gather(*(refused(log) for _ in range(5)))
    await refused(log)
    broker.hangs = False
    kept = len(broker.kept)
    while len(broker.kept) == kept:
        # The attempt that hangs still has its time; the one after it succeeds.
        try:
            await log.append(ENVELOPE)
        except NotificationsUnavailableError:
            await asyncio.sleep(0.005)


async def test_nothing_stays_open_when_closed_while_connecting(broker: Broker, make_log: LogMaker) -> None:
    broker.hangs = True
    log = make_log()
    log.warm_up()
    await asyncio.sleep(0)
    await log.close()
    assert [producer.stopped for producer in broker.producers] == [True]


async def test_one_more_is_refused_at_once_when_enough_are_on_their_way(
    broker: Broker, make_log: LogMaker
) -> None:
    log = make_log(in_flight_max=2)
    await log.append(ENVELOPE)
    broker.hangs = True
    waiting = [asyncio.create_task(log.append(ENVELOPE)) for _ in range(2)]
    await asyncio.sleep(0)
    await refused(log)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    broker.hangs = False
    await log.append(ENVELOPE)
