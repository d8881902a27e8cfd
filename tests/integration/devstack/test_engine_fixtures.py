"""The fixtures give each test something of its own on engines that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import jwt
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from autodeal_devstack.engines.dynamodb_tables import create_table
from autodeal_devstack.engines.endpoints import EngineChoice

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

    from autodeal_devstack.pytest_engines import PrivateBroker
    from autodeal_devstack.stack.user_pool import UserPool
    from autodeal_messaging.kafka_settings import KafkaSettings

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("turn", [1, 2])
async def test_database_is_empty_when_another_test_created_the_same_table(
    postgres_url: str, turn: int
) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("create table thing (turn int)")
        await connection.execute("insert into thing values ($1)", turn)
        assert [row["turn"] for row in await connection.fetch("select turn from thing")] == [turn]
    finally:
        await connection.close()


async def test_commits_are_durable_and_memory_is_files_when_postgresql_is_ours(
    postgres_url: str, engine_choice: EngineChoice
) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("show fsync") == "on"
        if engine_choice in {EngineChoice.EMBEDDED, EngineChoice.REAL}:
            assert await connection.fetchval("show dynamic_shared_memory_type") == "mmap"
    finally:
        await connection.close()


async def test_record_comes_back_when_it_was_sent(kafka_settings: KafkaSettings, topic_prefix: str) -> None:
    topic = f"{topic_prefix}greeting"
    await send_one(kafka_settings, topic, b"hello")
    assert await read_one(kafka_settings, topic) == b"hello"


async def test_item_comes_back_when_it_was_put(dynamodb_client: DynamoDBClient, dynamodb_table: str) -> None:
    await create_table(dynamodb_client, dynamodb_table)
    item = {"pk": {"S": "a"}, "sk": {"S": "b"}, "n": {"N": "1"}}
    await dynamodb_client.put_item(TableName=dynamodb_table, Item=item)
    answer = await dynamodb_client.get_item(
        TableName=dynamodb_table, Key={"pk": item["pk"], "sk": item["sk"]}
    )
    assert answer["Item"] == item


async def test_token_names_group_and_issuer_when_an_account_logs_in(cognito: UserPool) -> None:
    account = await cognito.account("Buyer", 3)
    claims = jwt.decode(await cognito.token("Buyer", 3), options={"verify_signature": False})
    assert claims["cognito:groups"] == ["Buyer"]
    assert claims["iss"] == cognito.issuer
    assert claims["sub"] == account.subject
    assert claims["client_id"] == cognito.client_id


async def test_broker_answers_on_the_same_address_when_it_was_killed_and_restarted(
    private_broker: PrivateBroker, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}greeting"
    await send_one(private_broker.settings, topic, b"before")
    await private_broker.kill()
    await private_broker.restart()
    await send_one(private_broker.settings, f"{topic}.again", b"after")
    assert await read_one(private_broker.settings, f"{topic}.again") == b"after"


async def send_one(settings: KafkaSettings, topic: str, value: bytes) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        enable_idempotence=settings.kafka_idempotent_producer,
        acks="all",
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def read_one(settings: KafkaSettings, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        record = await consumer.getone()
        assert record.value is not None
        return bytes(record.value)
    finally:
        await consumer.stop()
