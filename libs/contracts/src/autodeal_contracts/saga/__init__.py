"""The saga, as data: what each service does when something happens.

There is no orchestrator to read it off, so this table is the one place that tells the whole
purchase. Handlers are tested against it in both directions, and the README's diagram is drawn
from it.
"""

from autodeal_contracts.saga.payment_rows import PAYMENT_SAGA
from autodeal_contracts.saga.reactions import PaymentReaction, VehicleReaction
from autodeal_contracts.saga.states import OrderState, PaymentState, SaleStanding, VehicleState
from autodeal_contracts.saga.transitions import ORDER_TRANSITIONS, PAYMENT_TRANSITIONS
from autodeal_contracts.saga.vehicle_rows import VEHICLE_SAGA

__all__ = [
    "ORDER_TRANSITIONS",
    "PAYMENT_SAGA",
    "PAYMENT_TRANSITIONS",
    "VEHICLE_SAGA",
    "OrderState",
    "PaymentReaction",
    "PaymentState",
    "SaleStanding",
    "VehicleReaction",
    "VehicleState",
]
