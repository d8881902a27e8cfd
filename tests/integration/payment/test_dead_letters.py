"""The operator's commands on the payment service's table."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.structs import ConsumerRecord

from autodeal_contracts import topics
from autodeal_contracts.envelope import Envelope, MalformedEnvelopeError
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.dynamodb.unsendable_store import DynamoUnsendableStore
from autodeal_messaging.dynamodb.write import outbox_put
from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkedFilter
from autodeal_payment.bootstrap import FAILURE_KINDS, make_parking, open_parking
from autodeal_payment.settings import OperatorSettings

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

    from autodeal_devstack.engines.endpoints import Endpoints

pytestmark = pytest.mark.integration


async def dlq(endpoints: Endpoints, table: str, *arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "autodeal_payment", "dlq", *arguments, "--json"),
        env={
            "PATH": os.environ["PATH"],
            "DYNAMODB_TABLE": table,
            "DYNAMODB_ENDPOINT_URL": endpoints.dynamodb_url or "",
            "AWS_REGION": endpoints.aws_region,
            "AWS_ACCESS_KEY_ID": endpoints.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": endpoints.aws_secret_access_key,
        },
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


async def test_a_dead_record_is_found_and_discarded_when_an_operator_looks(
    dynamodb_client: DynamoDBClient, payment_table: str, endpoints: Endpoints
) -> None:
    settings = OperatorSettings(dynamodb_table=payment_table, aws_region=endpoints.aws_region)
    parking = RecordParking(make_parking(settings, dynamodb_client), FAILURE_KINDS)
    record = ConsumerRecord(
        topic=topics.SALE, partition=3, offset=4, timestamp=int(datetime.now(UTC).timestamp()),
        timestamp_type=0, key=b"17", value=b"?", checksum=None, serialized_key_size=2,
        serialized_value_size=1, headers=(),
    )  # fmt: skip
    await parking.on_failure(record, MalformedEnvelopeError("no event"), 1)
    [dead] = await dlq(endpoints, payment_table, "list", "--state", "dead")
    assert (dead["key"], dead["offset"], dead["last_error"]) == ("17", 4, "MalformedEnvelopeError: no event")
    planned = await dlq(endpoints, payment_table, "redrive", "--all", "--dry-run")
    assert planned["records"] == 1
    await dlq(endpoints, payment_table, "discard", dead["id"], "--reason", "garbage")
    assert await dlq(endpoints, payment_table, "list") == []
    [entry] = await dlq(endpoints, payment_table, "audit")
    assert entry["reason"] == "garbage"


async def test_an_event_that_kafka_refused_is_found_and_put_back_when_an_operator_redrives(
    dynamodb_client: DynamoDBClient,
    payment_table: str,
    endpoints: Endpoints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", endpoints.aws_access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", endpoints.aws_secret_access_key)
    settings = OperatorSettings(
        dynamodb_table=payment_table,
        dynamodb_endpoint_url=endpoints.dynamodb_url,
        aws_region=endpoints.aws_region,
    )
    event = Envelope(
        topic=topics.PAYMENT, key="17", id="event", type="payment.approved", source="/autodeal/payment",
        subject="order/17", time=datetime.now(UTC), sequence=1, correlation_id="17", data=b"{}",
    )  # fmt: skip
    put = outbox_put(payment_table, event, settings.outbox_shards)
    await dynamodb_client.transact_write_items(TransactItems=[put])
    relayed = DynamoOutboxStore(dynamodb_client, payment_table, owner="relay", shards=settings.outbox_shards)
    await relayed.balance(set)

    async def read() -> list[OutboxRecord]:
        # The copy of another test's dead record may wait in the same outbox.
        found = (await relayed.read(limit=100, exclude=(), keys=None)).records
        return [record for record in found if record.topic == topics.PAYMENT]

    waiting = await read()
    async with open_parking(settings, of_outbox=True) as store:
        assert isinstance(store, DynamoUnsendableStore)
        assert await store.set_aside(waiting, "too large") == 1
        operator = ParkingOperator(store, "ana@desk")
        [aside] = await operator.find(ParkedFilter())
        assert (aside.event_id, aside.last_error) == ("event", "too large")
        plan = await operator.plan(ParkedFilter())
        [_] = [one async for one in operator.redrive(plan, records_per_second=None, reason="mended")]
    [back] = await read()
    assert (back.position, back.value) == (waiting[0].position, b"{}")
    await relayed.close()
