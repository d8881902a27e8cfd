"""Cancel, refund, hand over, expire: who may, when, and what a repeat does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from autodeal_contracts.catalog import unseal
from autodeal_contracts.events.sale import CancelReason, SaleCancelled, SaleRefundRequested
from autodeal_contracts.saga import OrderState, VehicleState
from autodeal_vehicle.domain.errors import (
    OrderNotDraftError,
    OrderNotFoundError,
    OrderNotRefundableError,
    PickupNotPossibleError,
    VehicleNotFoundError,
)

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer, MakeRequest


async def test_order_does_not_exist_when_a_stranger_cancels_it(dealer: Dealer) -> None:
    before = dealer.place_order(OrderState.DRAFT)

    with pytest.raises(OrderNotFoundError):
        await dealer.cancel(who="somebody-else")

    assert dealer.order == before


async def test_order_is_cancelled_when_an_admin_does_it_for_the_buyer(dealer: Dealer) -> None:
    dealer.place_order(OrderState.DRAFT)

    answer = await dealer.cancel(who="admin", is_admin=True)

    assert msgspec.json.decode(answer.body)["status"] == "cancelled"
    assert dealer.vehicle.status is VehicleState.AVAILABLE
    assert dealer.heard.orders == [dealer.order.id]


async def test_cancelling_changes_nothing_when_done_again_with_another_key(dealer: Dealer) -> None:
    dealer.place_order(OrderState.DRAFT)
    first = await dealer.cancel(key="one")
    cancelled = dealer.order

    again = await dealer.cancel(key="two")

    assert (again.status, again.body) == (200, first.body)
    assert dealer.order == cancelled
    assert dealer.published == ["sale.cancelled"]


async def test_cancelling_is_refused_when_the_deadline_was_first(dealer: Dealer) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    await dealer.expire_order(order.id, order.expires_at)

    with pytest.raises(OrderNotDraftError) as caught:
        await dealer.cancel()

    assert caught.value.context == {"order_id": order.id, "status": "cancelled"}


async def test_answer_tells_the_story_when_an_order_is_cancelled(dealer: Dealer) -> None:
    dealer.place_order(OrderState.DRAFT)

    body = msgspec.json.decode((await dealer.cancel()).body)

    assert [entry["event"] for entry in body["timeline"]] == ["sale.initialized", "sale.cancelled"]
    assert body["timeline"][-1]["detail"] == {"reason": "buyer_cancelled"}
    assert "buyer" not in str({name for name in body if name != "timeline"})


async def test_refund_names_the_payment_when_requested(dealer: Dealer, make_request: MakeRequest) -> None:
    order = dealer.place_order(OrderState.SOLD)

    await dealer.refund_order(order.id, make_request())

    (event,) = map(unseal, dealer.store.state.outbox)
    assert isinstance(event, SaleRefundRequested)
    assert (event.payment_id, event.amount_cents) == (order.paid_by, order.price_cents)
    assert dealer.vehicle.status is VehicleState.SOLD


async def test_refund_is_refused_when_nothing_was_paid(dealer: Dealer, make_request: MakeRequest) -> None:
    order = dealer.place_order(OrderState.DRAFT)

    with pytest.raises(OrderNotRefundableError):
        await dealer.refund_order(order.id, make_request())


async def test_refund_is_refused_when_there_is_no_order(dealer: Dealer, make_request: MakeRequest) -> None:
    with pytest.raises(OrderNotFoundError):
        await dealer.refund_order(404, make_request())


async def test_pickup_is_noted_once_when_confirmed_twice(dealer: Dealer, make_request: MakeRequest) -> None:
    dealer.place_order(OrderState.SOLD)
    await dealer.confirm_pickup(dealer.vehicle.id, make_request(key="one"))
    handed_over = dealer.order
    dealer.now += timedelta(hours=1)

    await dealer.confirm_pickup(dealer.vehicle.id, make_request(key="two"))

    assert dealer.order == handed_over
    assert dealer.order.picked_up_at is not None
    assert dealer.timeline[-1] == "vehicle.picked_up"


async def test_pickup_is_refused_when_the_vehicle_is_only_reserved(
    dealer: Dealer, make_request: MakeRequest
) -> None:
    dealer.place_order(OrderState.DRAFT)

    with pytest.raises(PickupNotPossibleError):
        await dealer.confirm_pickup(dealer.vehicle.id, make_request())


async def test_pickup_is_refused_when_nobody_ordered_the_vehicle(
    dealer: Dealer, make_request: MakeRequest
) -> None:
    dealer.offer()

    with pytest.raises(PickupNotPossibleError):
        await dealer.confirm_pickup(dealer.vehicle.id, make_request())


async def test_pickup_is_refused_when_there_is_no_vehicle(dealer: Dealer, make_request: MakeRequest) -> None:
    with pytest.raises(VehicleNotFoundError):
        await dealer.confirm_pickup(404, make_request())


async def test_order_expires_when_this_process_has_a_slow_clock(dealer: Dealer) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    dealer.now = order.expires_at - timedelta(seconds=5)

    await dealer.expire_order(order.id, order.expires_at)

    (event,) = map(unseal, dealer.store.state.outbox)
    assert isinstance(event, SaleCancelled)
    assert event.reason is CancelReason.DEADLINE_PASSED


async def test_order_stays_when_its_deadline_was_moved(dealer: Dealer) -> None:
    order = dealer.place_order(OrderState.DRAFT)

    await dealer.expire_order(order.id, order.expires_at - timedelta(minutes=1))

    assert dealer.order == order
    assert dealer.store.state.deadlines == {order.id: order.expires_at}
