"""The vehicle service's half of the saga."""

from __future__ import annotations

from autodeal_contracts.saga.reactions import VehicleReaction
from autodeal_contracts.saga.states import OrderState, VehicleState

VEHICLE_SAGA: tuple[VehicleReaction, ...] = (
    VehicleReaction(
        trigger="buyer.initialize_sale",
        when=(),
        then=OrderState.DRAFT,
        vehicle=VehicleState.RESERVED,
        emits=("sale.initialized",),
        note="one transaction: the vehicle, the order, its deadline, the event",
    ),
    VehicleReaction(
        trigger="payment.created",
        when=(OrderState.DRAFT,),
        then=None,
        note="the instructions are shown to the buyer",
    ),
    VehicleReaction(
        trigger="payment.approved",
        when=(OrderState.DRAFT,),
        then=OrderState.SOLD,
        vehicle=VehicleState.SOLD,
        emits=("sale.completed",),
        condition="amount_matches",
    ),
    VehicleReaction(
        trigger="payment.approved",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
        condition="amount_differs",
        note="a wrong amount never buys a car: the money goes back",
    ),
    VehicleReaction(
        trigger="payment.approved",
        when=(OrderState.CANCELLED,),
        then=None,
        note="nothing: the money goes back",
    ),
    VehicleReaction(
        trigger="payment.rejected",
        when=(OrderState.DRAFT,),
        then=None,
        note="another method may be tried until the deadline",
    ),
    VehicleReaction(
        trigger="clock.deadline_passed",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
    ),
    VehicleReaction(
        trigger="buyer.cancel",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
    ),
    VehicleReaction(
        trigger="payment.expired",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
        condition="not_superseded",
    ),
    VehicleReaction(
        trigger="payment.cancelled",
        when=(OrderState.DRAFT,),
        then=OrderState.CANCELLED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.cancelled",),
        condition="not_superseded",
    ),
    VehicleReaction(trigger="payment.expired", when=(OrderState.DRAFT,), then=None, condition="superseded"),
    VehicleReaction(trigger="payment.cancelled", when=(OrderState.DRAFT,), then=None, condition="superseded"),
    VehicleReaction(
        trigger="admin.confirm_pickup",
        when=(OrderState.SOLD,),
        then=None,
        note="the car is handed over",
    ),
    VehicleReaction(
        trigger="admin.refund",
        when=(OrderState.SOLD, OrderState.REFUND_FAILED),
        then=OrderState.REFUNDING,
        emits=("sale.refund_requested",),
        condition="not_charged_back",
    ),
    VehicleReaction(
        trigger="admin.refund",
        when=(OrderState.SOLD, OrderState.REFUNDING, OrderState.REFUND_FAILED),
        then=OrderState.REFUNDED,
        vehicle=VehicleState.AVAILABLE,
        emits=("sale.refund_requested",),
        condition="charged_back",
        note="the buyer's bank has returned the money already",
    ),
    VehicleReaction(
        trigger="payment.refunded",
        when=(OrderState.REFUNDING, OrderState.REFUND_FAILED, OrderState.SOLD),
        then=OrderState.REFUNDED,
        vehicle=VehicleState.AVAILABLE,
        condition="paid_the_order",
    ),
    VehicleReaction(
        trigger="payment.refund_failed",
        when=(OrderState.REFUNDING,),
        then=OrderState.REFUND_FAILED,
        condition="paid_the_order",
        note="alarm",
    ),
    VehicleReaction(
        trigger="payment.charged_back",
        when=(OrderState.SOLD,),
        then=None,
        condition="paid_the_order",
        note="the order is flagged; alarm; a person decides about the vehicle",
    ),
    VehicleReaction(
        trigger="payment.charged_back",
        when=(OrderState.REFUNDING, OrderState.REFUND_FAILED),
        then=OrderState.REFUNDED,
        vehicle=VehicleState.AVAILABLE,
        condition="paid_the_order",
        note="the money was to go back and has; the order is flagged; alarm",
    ),
)
"""What the vehicle service does. What no row names changes nothing but the timeline."""
