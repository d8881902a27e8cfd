"""The vehicle half of the saga, against its table in both directions.

Every trigger is fired at an order in every state, in every variant that tells rows apart. Where the
table has a row the handler does exactly that; where it has none nothing changes but the timeline. And
every row is met by one of these.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest

from autodeal_contracts.catalog import unseal
from autodeal_contracts.saga import VEHICLE_SAGA, OrderState, VehicleReaction, VehicleState
from autodeal_vehicle.domain.errors import SellingError
from autodeal_vehicle.domain.order import Order

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer, MakeEvent, MakeRequest

VARIANTS = {
    "admin.refund": ("not_charged_back", "charged_back"),
    "payment.approved": ("amount_matches", "amount_differs"),
    "payment.expired": ("not_superseded", "superseded"),
    "payment.cancelled": ("not_superseded", "superseded"),
    "payment.refunded": ("paid_the_order", "another_payment"),
    "payment.refund_failed": ("paid_the_order", "another_payment"),
    "payment.charged_back": ("paid_the_order", "another_payment"),
}
INITIALIZE = "buyer.initialize_sale"
TRIGGERS = sorted({row.trigger for row in VEHICLE_SAGA} - {INITIALIZE})
Case = tuple[str, OrderState, str]
CASES: list[Case] = [
    (trigger, state, variant)
    for trigger, state in product(TRIGGERS, OrderState)
    for variant in VARIANTS.get(trigger, ("",))
]


def row_for(trigger: str, state: OrderState, variant: str) -> VehicleReaction | None:
    rows = [
        row
        for row in VEHICLE_SAGA
        if row.trigger == trigger and state in row.when and row.condition in {"", variant}
    ]
    assert len(rows) <= 1, rows
    return rows[0] if rows else None


async def fire(dealer: Dealer, trigger: str, variant: str, event: MakeEvent, request: MakeRequest) -> None:
    """Bring the trigger about through the use case that handles it; a refusal is an answer too."""
    try:
        match trigger:
            case "buyer.cancel":
                await dealer.cancel()
            case "clock.deadline_passed":
                dealer.store.state.deadlines[dealer.order.id] = dealer.order.expires_at
                await dealer.expire_order(dealer.order.id, dealer.order.expires_at)
            case "admin.refund":
                await dealer.refund_order(dealer.order.id, request())
            case "admin.confirm_pickup":
                await dealer.confirm_pickup(dealer.vehicle.id, request())
            case _:
                await dealer.handle_payment_event(event(trigger, variant), "event-1")
    except SellingError:
        return


def without_bookkeeping(order: Order) -> Order:
    """Return what of an order is neither its timeline's length nor the payment shown to the buyer."""
    return replace(order, version=0, payment=None)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
async def test_reaction_is_the_tables_when_trigger_meets_state(
    dealer: Dealer, make_event: MakeEvent, make_request: MakeRequest, case: Case
) -> None:
    trigger, state, variant = case
    before = dealer.place_order(state, charged_back=variant == "charged_back")
    vehicle_before = dealer.vehicle.status
    row = row_for(trigger, state, variant)

    await fire(dealer, trigger, variant, make_event, make_request)

    if row is None:
        assert without_bookkeeping(dealer.order) == without_bookkeeping(before)
        assert dealer.vehicle.status is vehicle_before
        assert dealer.published == []
        assert dealer.heard.alarms == []
        return
    assert dealer.order.status is (row.then or state)
    assert dealer.vehicle.status is (row.vehicle or vehicle_before)
    assert dealer.published == list(row.emits)
    assert len(dealer.timeline) == dealer.order.version > 1
    assert bool(dealer.heard.alarms) == ("alarm" in row.note)
    assert (dealer.order.id in dealer.store.state.deadlines) == (
        dealer.order.status is OrderState.DRAFT and state is OrderState.DRAFT
    )


def test_every_row_is_driven_when_all_cases_are_listed() -> None:
    met = [row_for(*case) for case in CASES]
    missing = [row for row in VEHICLE_SAGA if row.trigger != INITIALIZE and row not in met]
    assert missing == []


def test_every_state_named_by_a_row_is_driven_when_all_cases_are_listed() -> None:
    driven = {(row.trigger, row.condition, case[1]) for case in CASES if (row := row_for(*case)) is not None}
    named = {
        (row.trigger, row.condition, state)
        for row in VEHICLE_SAGA
        if row.trigger != INITIALIZE
        for state in row.when
    }
    assert driven == named


async def test_reaction_is_the_tables_when_a_sale_begins(dealer: Dealer) -> None:
    (row,) = [row for row in VEHICLE_SAGA if row.trigger == INITIALIZE]
    assert row.when == ()
    dealer.offer()

    await dealer.reserve()

    (order,) = dealer.store.state.orders.values()
    assert order.status is row.then
    assert dealer.vehicle.status is row.vehicle
    assert dealer.published == list(row.emits)
    assert dealer.store.state.deadlines == {order.id: order.expires_at}


@pytest.mark.parametrize("state", [state for state in VehicleState if state is not VehicleState.AVAILABLE])
async def test_nothing_changes_when_a_sale_begins_on_a_taken_vehicle(
    dealer: Dealer, state: VehicleState
) -> None:
    vehicle = dealer.offer(state=state)

    with pytest.raises(SellingError):
        await dealer.reserve()

    assert dealer.vehicle == vehicle
    assert dealer.store.state.orders == {}
    assert dealer.store.state.outbox == []


@pytest.mark.parametrize("case", CASES, ids=" ".join)
async def test_nothing_changes_when_a_trigger_comes_again(
    dealer: Dealer, make_event: MakeEvent, make_request: MakeRequest, case: Case
) -> None:
    trigger, state, variant = case
    dealer.place_order(state, charged_back=variant == "charged_back")
    await fire(dealer, trigger, variant, make_event, make_request)
    once = dealer.store.state

    await fire(dealer, trigger, variant, make_event, make_request)

    assert dealer.store.state.orders == once.orders
    assert dealer.store.state.vehicles == once.vehicles
    assert dealer.store.state.timelines == once.timelines
    assert dealer.store.state.outbox == once.outbox


async def test_events_count_up_without_gaps_when_an_order_lives_its_life(
    dealer: Dealer, make_event: MakeEvent, make_request: MakeRequest
) -> None:
    dealer.place_order(OrderState.DRAFT)
    await dealer.handle_payment_event(make_event("payment.approved"), "event-1")
    await dealer.refund_order(dealer.order.id, make_request(key="a"))
    await dealer.handle_payment_event(make_event("payment.refund_failed"), "event-2")
    await dealer.refund_order(dealer.order.id, make_request(key="b"))
    await dealer.handle_payment_event(make_event("payment.refunded"), "event-3")

    assert dealer.order.status is OrderState.REFUNDED
    assert [envelope.sequence for envelope in dealer.store.state.outbox] == [2, 3, 4]
    assert all(unseal(envelope) for envelope in dealer.store.state.outbox)
    sequences = [entry.sequence for entry in dealer.store.state.timelines[dealer.order.id]]
    assert sequences == list(range(1, len(sequences) + 1))
