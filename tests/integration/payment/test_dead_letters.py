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
from autodeal_contracts.envelope import MalformedEnvelopeError
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_payment.bootstrap import FAILURE_KINDS, make_parking
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
