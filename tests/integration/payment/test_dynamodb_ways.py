"""What DynamoDB does with the table, and what is said when it is away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_devstack.processes.find_port import find_port
from autodeal_payment.adapters.dynamodb_payment_queries import DynamoPaymentQueries
from autodeal_payment.adapters.dynamodb_sale_store import DynamoSaleStore
from autodeal_payment.adapters.dynamodb_table import TTL_ATTRIBUTE
from autodeal_payment.app.choose_payment import ChoosePaymentCommand
from autodeal_payment.app.ports.payment_queries import PaymentFilter
from autodeal_payment.app.ports.sale_store import StoreUnavailableError
from autodeal_payment.bootstrap import migrate, open_store
from autodeal_payment.domain.sale_acts import RequestKey
from autodeal_payment.settings import StoreSettings

if TYPE_CHECKING:
    from tests.integration.payment.conftest import Desk

    from autodeal_devstack.engines.endpoints import Endpoints

pytestmark = pytest.mark.integration


async def test_only_marks_and_keys_can_be_deleted_by_age_when_a_purchase_is_over(desk: Desk) -> None:
    await desk.begin()
    command = ChoosePaymentCommand(
        order_id=desk.order_id,
        buyer_id="buyer",
        method=PaymentMethod.PIX,
        key=RequestKey(digest=f"{desk.order_id:064d}", fingerprint="f"),
    )
    await desk.choose_payment(command)
    await desk.cancel()
    found = (await desk.client.scan(TableName=desk.table, ConsistentRead=True))["Items"]
    mortal = [item["pk"]["S"].partition("#")[0] for item in found if TTL_ATTRIBUTE in item]
    assert set(mortal) <= {"INBOX", "IDEM"}
    assert "IDEM" in mortal
    assert all("N" in item[TTL_ATTRIBUTE] for item in found if TTL_ATTRIBUTE in item)


async def test_no_deadline_is_left_when_everything_came_to_an_end(desk: Desk) -> None:
    await desk.begin()
    await desk.sandbox.approve(desk.reference)
    await desk.cancel()
    await desk.put_clock_forward(timedelta(hours=1))
    assert (await desk.sale()).due_at is None


async def test_table_is_made_once_when_migrated_twice(
    endpoints: Endpoints, dynamodb_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", endpoints.aws_access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", endpoints.aws_secret_access_key)
    settings = StoreSettings(
        dynamodb_table=dynamodb_table,
        aws_region=endpoints.aws_region,
        dynamodb_endpoint_url=endpoints.dynamodb_url,
        dynamodb_parameter_validation=True,
    )
    await migrate(settings)
    await migrate(settings)
    async with open_store(settings) as client:
        described = (await client.describe_table(TableName=dynamodb_table))["Table"]
        assert len(described["GlobalSecondaryIndexes"]) == 2
        life = await client.describe_time_to_live(TableName=dynamodb_table)
        assert life["TimeToLiveDescription"]["AttributeName"] == TTL_ATTRIBUTE
        assert await DynamoSaleStore(client, dynamodb_table, outbox_shards=2).load(1) is None


async def test_store_is_unavailable_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    settings = StoreSettings(
        dynamodb_table="none",
        aws_region="us-east-1",
        dynamodb_endpoint_url=f"http://127.0.0.1:{find_port()}",
        dynamodb_timeout_seconds=0.2,
    )
    async with open_store(settings) as client:
        store = DynamoSaleStore(client, "none", outbox_shards=2)
        with pytest.raises(StoreUnavailableError):
            await store.load(1)
        with pytest.raises(StoreUnavailableError):
            await DynamoPaymentQueries(client, "none").list_payments(
                PaymentFilter(buyer_id="ana"), limit=1, cursor=None
            )


async def test_store_is_unavailable_when_the_table_is_not_made_yet(desk: Desk) -> None:
    with pytest.raises(StoreUnavailableError):
        await DynamoSaleStore(desk.client, "no-such-table", outbox_shards=2).load(1)
