"""How a purchase can end, each played as people and the provider would play it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodeal_devstack.demo.public_client import UnexpectedAnswerError
from autodeal_devstack.demo.stage import Purchase, Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class Ending:
    """One way a purchase can end."""

    name: str
    title: str
    play: Callable[[Stage], Awaitable[Purchase]]


async def paid(stage: Stage) -> Purchase:
    """Reserve, pay, be handed the car."""
    purchase = await Purchase.begin(stage, "Argo")
    await stage.provider.approve(await purchase.wait_for_instructions())
    await purchase.wait_for_status("sold")
    pickup = f"/vehicle/{purchase.vehicle_id}/confirm-pickup"
    (await stage.admin.call("PUT", pickup)).expect(200)
    await purchase.expect_vehicle("sold")
    return purchase


async def declined_then_paid(stage: Stage) -> Purchase:
    """Be declined, try again, pay."""
    purchase = await Purchase.begin(stage, "Pulse")
    await stage.provider.decline(await purchase.wait_for_instructions())
    order = await purchase.wait_for_event("payment.rejected")
    if order["status"] != "draft":
        raise UnexpectedAnswerError(f"a declined payment moved the order to {order['status']}")
    (await stage.buyer.pay_again(purchase.order_id)).expect(201)
    await stage.provider.approve(await purchase.wait_for_instructions(attempt=2))
    await purchase.wait_for_status("sold")
    await purchase.expect_vehicle("sold")
    return purchase


async def expired(stage: Stage) -> Purchase:
    """Never pay: the deadline gives the car back."""
    purchase = await Purchase.begin(stage, "Cronos")
    await purchase.wait_for_instructions()
    await purchase.wait_for_status("cancelled")
    await purchase.expect_vehicle("available")
    await purchase.wait_for_event("payment.cancelled")
    return purchase


async def cancelled_by_buyer(stage: Stage) -> Purchase:
    """Change one's mind before paying."""
    purchase = await Purchase.begin(stage, "Fastback")
    await purchase.wait_for_instructions()
    (await stage.buyer.call("POST", f"/orders/{purchase.order_id}/cancel")).expect(200)
    await purchase.wait_for_status("cancelled")
    await purchase.expect_vehicle("available")
    await purchase.wait_for_event("payment.cancelled")
    return purchase


async def approved_too_late(stage: Stage) -> Purchase:
    """Pay, but the news is lost and the order cancelled meanwhile: the money goes back."""
    purchase = await Purchase.begin(stage, "Toro")
    payment_id = await purchase.wait_for_instructions()
    await stage.provider.fault("webhook", kind="lost", reference=payment_id)
    await stage.provider.approve(payment_id)
    (await stage.buyer.call("POST", f"/orders/{purchase.order_id}/cancel")).expect(200)
    await purchase.wait_for_event("payment.refunded")
    await purchase.wait_for_status("cancelled")
    await purchase.expect_vehicle("available")
    return purchase


async def refunded_by_admin(stage: Stage) -> Purchase:
    """Pay, then get the money back from the dealer."""
    purchase = await Purchase.begin(stage, "Strada")
    await stage.provider.approve(await purchase.wait_for_instructions())
    await purchase.wait_for_status("sold")
    (await stage.admin.call("POST", f"/orders/{purchase.order_id}/refund")).expect(200)
    await purchase.wait_for_status("refunded")
    await purchase.expect_vehicle("available")
    return purchase


async def two_buyers_one_car(stage: Stage) -> Purchase:
    """Two people reach for one car in the same instant: one gets it, the other a clear no."""
    vehicle_id = await stage.new_car("Mobi")
    people = (stage.buyer, stage.rival)
    answers = await asyncio.gather(*(person.initialize_sale(vehicle_id) for person in people))
    if sorted(answer.status for answer in answers) != [201, 409]:
        raise UnexpectedAnswerError(f"two buyers, one car: {answers}")
    winner = next(index for index, answer in enumerate(answers) if answer.status == 201)  # noqa: PLR2004
    loser = answers[1 - winner]
    purchase = Purchase(stage, people[winner], answers[winner].body["order_id"], vehicle_id)
    purchase.notes.append(f"the other buyer got 409 {loser.body['code']}")
    await stage.provider.approve(await purchase.wait_for_instructions())
    await purchase.wait_for_status("sold")
    return purchase


async def webhook_lost(stage: Stage) -> Purchase:
    """Pay, and nobody tells us: the janitor asks by itself."""
    purchase = await Purchase.begin(stage, "Uno")
    payment_id = await purchase.wait_for_instructions()
    await stage.provider.fault("webhook", kind="lost", reference=payment_id)
    await stage.provider.approve(payment_id)
    await purchase.wait_for_status("sold")
    purchase.notes.append("no webhook arrived; the janitor asked the provider")
    return purchase


async def forged_webhook(stage: Stage) -> Purchase:
    """Refuse a stranger who claims that the payment was made; nothing changes."""
    purchase = await Purchase.begin(stage, "Siena")
    payment_id = await purchase.wait_for_instructions()
    provider_id = await stage.provider.provider_id(payment_id)
    answer = await stage.stranger.call(
        "POST",
        f"/webhook?data.id={provider_id}&type=payment",
        {"action": "payment.updated", "type": "payment", "data": {"id": str(provider_id)}},
        headers={"x-signature": "ts=1,v1=" + "0" * 64, "x-request-id": "forged"},
    )
    answer.expect(401)
    purchase.notes.append(f"the forged webhook got 401 {answer.body['code']}")
    order = await purchase.client.order(purchase.order_id)
    if order["status"] != "draft":
        raise UnexpectedAnswerError(f"a forged webhook moved the order to {order['status']}")
    await stage.provider.approve(payment_id)
    await purchase.wait_for_status("sold")
    return purchase


async def refund_fails_then_heals(stage: Stage) -> Purchase:
    """Ask for the money back; the provider refuses at first, and is asked again."""
    purchase = await Purchase.begin(stage, "Doblò")
    payment_id = await purchase.wait_for_instructions()
    await stage.provider.approve(payment_id)
    await purchase.wait_for_status("sold")
    await stage.provider.refuse_refunds(payment_id, count=1)
    (await stage.admin.call("POST", f"/orders/{purchase.order_id}/refund")).expect(200)
    await purchase.wait_for_event("payment.refund_failed")
    await purchase.wait_for_status("refunded")
    await purchase.expect_vehicle("available")
    return purchase


ENDINGS: tuple[Ending, ...] = (
    Ending("paid", "Paid and handed over", paid),
    Ending("declined_then_paid", "Declined, then paid with another attempt", declined_then_paid),
    Ending("expired", "Expired: nobody paid", expired),
    Ending("cancelled_by_buyer", "Cancelled by the buyer", cancelled_by_buyer),
    Ending("approved_too_late", "Approved too late, and refunded", approved_too_late),
    Ending("refunded_by_admin", "Refunded by an admin", refunded_by_admin),
    Ending("two_buyers_one_car", "Two buyers racing for one car", two_buyers_one_car),
    Ending("webhook_lost", "Webhook lost, healed by the janitor", webhook_lost),
    Ending("forged_webhook", "Forged webhook refused", forged_webhook),
    Ending("refund_fails_then_heals", "Refund refused, tried again", refund_fails_then_heals),
)
"""Every ending, in the order in which they are told."""
