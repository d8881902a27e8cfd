"""What payment events do beyond the saga's states: what the buyer is shown, repeats, disorder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from autodeal_contracts.catalog import seal, unseal
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.payment import PaymentEvent
from autodeal_contracts.events.sale import CancelReason, SaleCancelled
from autodeal_contracts.saga import OrderState, PaymentState, VehicleState
from autodeal_platform.telemetry import bind_purchase
from autodeal_vehicle.app.errors import UnknownOrderError
from autodeal_vehicle.domain.order import Alarm
from autodeal_vehicle.entrypoints.consume_payment_events import payment_event_handler, payment_events_handler

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer, MakeEvent


async def test_buyer_sees_how_to_pay_when_the_payment_was_created(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    dealer.place_order(OrderState.DRAFT, payment=None)

    await dealer.handle_payment_event(make_event("payment.created"), "event-1")

    payment = dealer.order.payment
    assert payment is not None
    assert (payment.status, payment.pix_code) == (PaymentState.PENDING, "000201")
    assert dealer.heard.orders == [dealer.order.id]


async def test_code_is_not_shown_when_the_order_was_cancelled_before(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    dealer.place_order(OrderState.CANCELLED, payment=None)

    await dealer.handle_payment_event(make_event("payment.created"), "event-1")

    assert dealer.order.payment is None
    assert dealer.timeline[-1] == "payment.created"


async def test_newer_attempt_is_shown_when_the_older_one_ends_after_it(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    dealer.place_order(OrderState.DRAFT)
    await dealer.handle_payment_event(make_event("payment.rejected", "another_payment"), "event-1")

    await dealer.handle_payment_event(make_event("payment.cancelled", "superseded"), "event-2")

    assert dealer.order.payment is not None
    assert dealer.order.payment.attempt == 2
    assert dealer.order.status is OrderState.DRAFT


async def test_payment_that_paid_is_shown_when_it_never_waited_for_the_buyer(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    dealer.place_order(OrderState.DRAFT, payment=None)

    await dealer.handle_payment_event(make_event("payment.approved", "another_payment"), "event-1")

    assert dealer.order.paid_by == "41-2"
    assert dealer.order.payment is not None
    assert (dealer.order.payment.payment_id, dealer.order.payment.payment_method) == ("41-2", None)


async def test_sale_ends_with_its_reason_when_the_amount_is_wrong(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    dealer.place_order(OrderState.DRAFT)

    await dealer.handle_payment_event(make_event("payment.approved", "amount_differs"), "event-1")

    (event,) = map(unseal, dealer.store.state.outbox)
    assert isinstance(event, SaleCancelled)
    assert event.reason is CancelReason.AMOUNT_MISMATCH
    assert dealer.timeline[-2:] == ["payment.approved", "sale.cancelled"]
    assert dealer.order.paid_by is None


async def test_person_is_called_when_a_refund_fails(dealer: Dealer, make_event: MakeEvent) -> None:
    order = dealer.place_order(OrderState.REFUNDING)

    await dealer.handle_payment_event(make_event("payment.refund_failed"), "event-1")

    assert dealer.heard.alarms == [(Alarm.REFUND_FAILED, order.id)]


async def test_order_is_flagged_when_it_is_charged_back(dealer: Dealer, make_event: MakeEvent) -> None:
    dealer.place_order(OrderState.SOLD)

    await dealer.handle_payment_event(make_event("payment.charged_back"), "event-1")

    assert dealer.order.charged_back
    assert dealer.heard.alarms[0][0] is Alarm.CHARGED_BACK


async def test_event_takes_effect_once_when_delivered_twice(dealer: Dealer, make_event: MakeEvent) -> None:
    dealer.place_order(OrderState.DRAFT)
    await dealer.handle_payment_event(make_event("payment.approved"), "event-1")
    sold = dealer.order

    await dealer.handle_payment_event(make_event("payment.approved"), "event-1")

    assert dealer.order == sold
    assert dealer.published == ["sale.completed"]


async def test_event_is_left_for_later_when_its_order_is_unknown(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    with pytest.raises(UnknownOrderError):
        await dealer.handle_payment_event(make_event("payment.approved"), "event-1")

    assert dealer.store.state.inbox == set()


def in_envelope(event: PaymentEvent, dealer: Dealer) -> Envelope:
    return seal(event, event_id="event-9", source="payment", time=dealer.now, sequence=1)


async def test_cause_and_trace_are_passed_on_when_an_event_brings_another_about(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    dealer.place_order(OrderState.DRAFT)
    handle = payment_event_handler(dealer.handle_payment_event)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    envelope = in_envelope(make_event("payment.approved"), dealer)

    await handle(
        Envelope(
            **{name: getattr(envelope, name) for name in envelope.__struct_fields__} | {"traceparent": parent}
        )
    )

    (completed,) = dealer.store.state.outbox
    assert completed.causation_id == "event-9"
    assert completed.traceparent is not None
    assert completed.traceparent[:36] == parent[:36] != completed.traceparent


async def test_binding_ends_when_the_event_is_handled(dealer: Dealer, make_event: MakeEvent) -> None:
    dealer.place_order(OrderState.DRAFT)
    handle = payment_event_handler(dealer.handle_payment_event)
    with bind_purchase(causation_id="outer"):
        await handle(in_envelope(make_event("payment.created"), dealer))
        await dealer.cancel()

    (cancelled,) = dealer.store.state.outbox
    assert cancelled.causation_id == "outer"


def place_many(dealer: Dealer, make_event: MakeEvent, kinds: dict[int, str]) -> list[Envelope]:
    """Seed a draft for each number and return an event about each, as the consumer gets them."""
    envelopes = []
    template = dealer.place_order(OrderState.DRAFT, payment=None)
    for number, kind in kinds.items():
        dealer.offer(number, VehicleState.RESERVED)
        dealer.store.state.orders[number] = replace(template, id=number, vehicle_id=number)
        dealer.store.state.timelines[number] = []
        event = msgspec.structs.replace(make_event(kind), order_id=number, payment_id=f"{number}-1")
        envelopes.append(
            seal(event, event_id=f"event-{number}", source="payment", time=dealer.now, sequence=1)
        )
    return envelopes


async def test_each_order_changes_when_events_come_together(dealer: Dealer, make_event: MakeEvent) -> None:
    envelopes = place_many(
        dealer, make_event, {101: "payment.approved", 102: "payment.expired", 103: "payment.charged_back"}
    )
    dealer.store.state.orders[103] = replace(
        dealer.store.state.orders[103], status=OrderState.SOLD, paid_by="103-1"
    )

    await payment_events_handler(dealer.handle_payment_event)(envelopes)

    status = {number: dealer.store.state.orders[number].status for number in (101, 102, 103)}
    assert status == {101: OrderState.SOLD, 102: OrderState.CANCELLED, 103: OrderState.SOLD}
    assert [(sent.key, sent.type, sent.causation_id) for sent in dealer.store.state.outbox] == [
        ("101", "sale.completed", "event-101"),
        ("102", "sale.cancelled", "event-102"),
    ]
    assert dealer.heard.orders == [101, 102, 103]
    assert dealer.heard.alarms == [(Alarm.CHARGED_BACK, 103)]


async def test_only_new_ones_take_effect_when_some_of_many_came_before(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    envelopes = place_many(dealer, make_event, {101: "payment.approved", 102: "payment.approved"})
    handle = payment_events_handler(dealer.handle_payment_event)
    await handle(envelopes[:1])
    await handle(envelopes)
    await handle(envelopes)

    assert [sent.key for sent in dealer.store.state.outbox] == ["101", "102"]


async def test_nothing_takes_effect_when_one_of_many_cannot_be_handled(
    dealer: Dealer, make_event: MakeEvent
) -> None:
    envelopes = place_many(dealer, make_event, {101: "payment.approved", 102: "payment.approved"})
    del dealer.store.state.orders[102]
    handle = payment_events_handler(dealer.handle_payment_event)
    with pytest.raises(UnknownOrderError):
        await handle(envelopes)

    assert dealer.store.state.inbox == set()
    assert dealer.store.state.orders[101].status is OrderState.DRAFT
    assert dealer.heard.orders == []
