"""The saga table agrees with itself, with the event catalogue and with the state machines."""

from __future__ import annotations

import re
from typing import Any

import pytest

from autodeal_contracts.catalog import EVENT_TYPES
from autodeal_contracts.saga import (
    ORDER_TRANSITIONS,
    PAYMENT_SAGA,
    PAYMENT_TRANSITIONS,
    VEHICLE_SAGA,
    OrderState,
    PaymentReaction,
    PaymentState,
    VehicleReaction,
)
from autodeal_contracts.saga_diagram import choreography_diagram, order_diagram, payment_diagram

ROWS: tuple[VehicleReaction | PaymentReaction, ...] = (*VEHICLE_SAGA, *PAYMENT_SAGA)
ACTS = re.compile(r"^(buyer|admin|clock|provider)\.[a-z_]+$")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.trigger}-{row.then}")
def test_row_speaks_of_known_events_when_read(row: VehicleReaction | PaymentReaction) -> None:
    assert row.trigger in EVENT_TYPES or ACTS.match(row.trigger)
    assert set(row.emits) <= set(EVENT_TYPES)


@pytest.mark.parametrize("row", VEHICLE_SAGA, ids=lambda row: f"{row.trigger}-{row.then}")
def test_vehicle_row_is_a_legal_transition_when_it_moves_an_order(row: VehicleReaction) -> None:
    for before in row.when:
        assert row.then is None or row.then in ORDER_TRANSITIONS[before]


@pytest.mark.parametrize("row", PAYMENT_SAGA, ids=lambda row: f"{row.trigger}-{row.then}")
def test_payment_row_is_a_legal_transition_when_it_moves_a_payment(row: PaymentReaction) -> None:
    for before in row.when:
        # An approval that comes too late passes through `approved` on its way to `refunding`.
        steps = PAYMENT_TRANSITIONS[before] | {
            further for step in PAYMENT_TRANSITIONS[before] for further in PAYMENT_TRANSITIONS[step]
        }
        assert row.then is None or row.then in steps


def test_every_order_transition_has_a_row_when_allowed() -> None:
    moved = {(before, row.then) for row in VEHICLE_SAGA if row.then for before in row.when}
    assert moved == {(before, after) for before, afters in ORDER_TRANSITIONS.items() for after in afters}


def test_every_event_has_a_reaction_when_it_crosses_services() -> None:
    triggers = {row.trigger for row in ROWS}
    crossing = {name for name in EVENT_TYPES if name != "notification.received"}
    assert crossing <= triggers
    assert crossing == {event for row in ROWS for event in row.emits}


def reachable(transitions: dict[Any, frozenset[Any]], start: Any) -> set[Any]:
    found = {start}
    while True:
        further = found | {after for state in found for after in transitions[state]}
        if further == found:
            return found
        found = further


def test_every_state_is_reachable_when_started() -> None:
    assert reachable(ORDER_TRANSITIONS, OrderState.DRAFT) == set(OrderState)
    assert reachable(PAYMENT_TRANSITIONS, PaymentState.REQUESTED) == set(PaymentState)


def test_no_two_rows_apply_at_once_when_trigger_state_and_condition_agree() -> None:
    seen = [(row.trigger, before, row.condition) for row in VEHICLE_SAGA for before in row.when]
    assert len(seen) == len(set(seen))
    paid = [
        (row.trigger, before, standing, row.condition)
        for row in PAYMENT_SAGA
        for before in row.when
        for standing in row.sale
    ]
    assert len(paid) == len(set(paid))


def test_diagrams_name_every_moving_row_when_drawn() -> None:
    drawn = order_diagram() + payment_diagram()
    for row in ROWS:
        if row.then is not None:
            assert row.trigger in drawn
    for event in EVENT_TYPES:
        assert event in choreography_diagram()
