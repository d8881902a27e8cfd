import asyncio

import aiohttp
import pytest

from autodeal_devstack.processes.find_port import find_port
from autodeal_devstack.sandbox.client import SandboxControl

from .conftest import ATTEMPTS, CONCURRENCY, Seller, Webhook, eventually, running_sandbox


async def outcomes(control: SandboxControl, reference: str = "17-1") -> list[str]:
    return [delivery.outcome for delivery in await control.webhooks(reference)]


async def wait_for_outcome(control: SandboxControl, *expected: str) -> None:
    async def check() -> bool:
        return await outcomes(control) == list(expected)

    await eventually(check)


async def test_seller_hears_of_each_change_when_it_happens(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    _, payment = await seller.create()
    await webhook.wait_for(1)
    await control.approve("17-1")
    created, approved = await webhook.wait_for(2)
    assert (created.action, approved.action) == ("payment.created", "payment.updated")
    assert {created.payment_id, approved.payment_id} == {payment["id"]}
    assert created.is_signed
    assert approved.is_signed
    assert (await seller.call("GET", f"/{payment['id']}"))[1]["status"] == "approved"


async def test_notification_is_tried_again_when_refused(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    webhook.statuses = [500, 302, 201]
    await seller.create()
    received = await webhook.wait_for(3)
    await wait_for_outcome(control, "refused", "refused", "delivered")
    assert len({request.notification_id for request in received}) == 1
    assert len({request.request_id for request in received}) == 3
    assert all(request.is_signed for request in received)


async def test_notification_is_given_up_when_refused_too_often(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    webhook.statuses = [503] * ATTEMPTS
    await seller.create()
    await wait_for_outcome(control, *["refused"] * ATTEMPTS, "gave_up")
    assert len(webhook.received) == ATTEMPTS


async def test_notification_arrives_when_the_seller_comes_back(webhook: Webhook) -> None:
    absent = f"http://127.0.0.1:{find_port()}/webhook"
    async with running_sandbox(absent) as url, aiohttp.ClientSession() as http:
        await Seller(url, http).create()
        await wait_for_outcome(SandboxControl(url), *["unreachable"] * ATTEMPTS, "gave_up")
        assert await SandboxControl(url).notify("17-1") is None
        await Seller(url, http).create("18-1", notification_url=webhook.url)
        assert (await webhook.wait_for(1))[0].is_signed
        assert len(await outcomes(SandboxControl(url), "18-1")) <= 1


async def test_nothing_is_sent_when_no_address_is_known(webhook: Webhook) -> None:
    async with running_sandbox(None) as url, aiohttp.ClientSession() as http:
        await Seller(url, http).create()
        assert await SandboxControl(url).notify("17-1") is None
        assert await SandboxControl(url).webhooks() == []
        assert webhook.received == []


async def test_few_are_under_way_at_once_when_the_seller_is_slow(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    webhook.open.clear()
    count = CONCURRENCY * 3
    await asyncio.gather(*(seller.create(f"17-{number}") for number in range(count)))
    await webhook.wait_for(CONCURRENCY)
    # A later payment's notification would arrive here if nothing held it back.
    assert len(await control.payments()) == count
    assert len(webhook.received) == CONCURRENCY
    webhook.open.set()
    await webhook.wait_for(count)
    assert webhook.most_at_once == CONCURRENCY


async def test_nothing_arrives_when_lost(seller: Seller, control: SandboxControl, webhook: Webhook) -> None:
    await seller.create()
    await webhook.wait_for(1)
    await control.fault("webhook", kind="lost", reference="17-1")
    await control.approve("17-1")
    assert "lost" in await outcomes(control)
    await seller.create("18-1")
    received = await webhook.wait_for(2)
    assert received[1].action == "payment.created"


async def test_same_request_arrives_twice_when_duplicated(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    await control.fault("webhook", kind="duplicated", count=1)
    await seller.create()
    first, second = await webhook.wait_for(2)
    assert first == second


async def test_other_news_arrive_first_when_late(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    await control.fault("webhook", kind="late", reference="17-1", delay_ms=300, count=1)
    _, late = await seller.create("17-1")
    _, punctual = await seller.create("18-1")
    received = await webhook.wait_for(2)
    assert [request.payment_id for request in received] == [punctual["id"], late["id"]]


async def test_signature_is_wrong_and_no_other_follows_when_forged(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    webhook.statuses = [401]
    await control.fault("webhook", kind="forged", count=1)
    await seller.create()
    await wait_for_outcome(control, "refused")
    await control.approve("17-1")
    forged, genuine = await webhook.wait_for(2)
    assert (forged.is_signed, genuine.is_signed) == (False, True)
    assert forged.notification_id != genuine.notification_id


async def test_later_news_overtake_when_reordered(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    await control.fault("webhook", kind="reordered", reference="17-1", delay_ms=600_000)
    await seller.create()
    await control.approve("17-1")
    received = await webhook.wait_for(2)
    assert [request.action for request in received] == ["payment.updated", "payment.created"]


async def test_held_news_arrive_anyway_when_nothing_overtakes(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    await control.fault("webhook", kind="reordered", reference="17-1", delay_ms=50)
    await seller.create()
    assert (await webhook.wait_for(1))[0].action == "payment.created"


@pytest.mark.parametrize(("forged", "status"), [(False, 200), (True, 401)])
async def test_answer_is_told_when_one_more_notification_is_sent(
    seller: Seller, control: SandboxControl, webhook: Webhook, *, forged: bool, status: int
) -> None:
    await seller.create()
    await webhook.wait_for(1)
    await wait_for_outcome(control, "delivered")
    webhook.statuses = [status]
    assert await control.notify("17-1", forged=forged) == status
    assert webhook.received[-1].is_signed is not forged


async def test_waiting_news_are_forgotten_when_reset(
    seller: Seller, control: SandboxControl, webhook: Webhook
) -> None:
    webhook.open.clear()
    webhook.statuses = [500]
    await seller.create()
    await webhook.wait_for(1)
    await control.fault("webhook", kind="late", delay_ms=100)
    await control.approve("17-1")
    await control.reset()
    webhook.open.set()
    later = [(await seller.create(f"18-{number}"))[1]["id"] for number in range(20)]
    received = await webhook.wait_for(1 + len(later))
    assert {request.payment_id for request in received[1:]} == set(later)
