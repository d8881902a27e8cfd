"""Sales are counted once each, after their commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import REGISTRY

from autodeal_contracts.saga import OrderState
from autodeal_vehicle.domain.errors import OrderNotDraftError

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer, MakeEvent


def count(state: str, reason: str = "none") -> float:
    value = REGISTRY.get_sample_value("vehicle_sales_total", {"state": state, "reason": reason})
    assert value is not None, "it must be there before the first sale"
    return value


async def test_cancelled_order_is_counted_once_when_the_request_is_repeated(dealer: Dealer) -> None:
    dealer.place_order(OrderState.DRAFT)
    before = count("cancelled", "buyer_cancelled")

    await dealer.cancel(key="one")
    await dealer.cancel(key="one")
    await dealer.cancel(key="two")

    assert count("cancelled", "buyer_cancelled") == before + 1


async def test_nothing_is_counted_when_cancelling_is_refused(dealer: Dealer) -> None:
    dealer.place_order(OrderState.SOLD)
    before = count("cancelled", "buyer_cancelled")

    with pytest.raises(OrderNotDraftError):
        await dealer.cancel()

    assert count("cancelled", "buyer_cancelled") == before


async def test_expired_order_is_counted_once_when_its_deadline_is_handled_twice(dealer: Dealer) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    before = count("cancelled", "deadline_passed")

    await dealer.expire_order(order.id, order.expires_at)
    await dealer.expire_order(order.id, order.expires_at)

    assert count("cancelled", "deadline_passed") == before + 1


async def test_sold_order_is_counted_once_when_the_event_comes_twice(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    dealer.place_order(OrderState.DRAFT)
    before = count("sold")

    await dealer.handle_payment_event(make_event("payment.approved"), "event-1")
    await dealer.handle_payment_event(make_event("payment.approved"), "event-1")

    assert count("sold") == before + 1
