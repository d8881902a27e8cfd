"""What this service counts besides what its libraries count."""

from __future__ import annotations

from prometheus_client import Counter

from autodeal_contracts.events.sale import CancelReason
from autodeal_contracts.saga import OrderState
from autodeal_vehicle.domain.order import Change

NO_REASON = "none"
SALES = Counter(
    "vehicle_sales",
    "Orders that moved their vehicle, by the state they came to, and why for those cancelled.",
    ["state", "reason"],
)
_OUTCOMES = [(state, NO_REASON) for state in (OrderState.DRAFT, OrderState.SOLD, OrderState.REFUNDED)] + [
    (OrderState.CANCELLED, reason) for reason in CancelReason
]
_children = {outcome: SALES.labels(*outcome) for outcome in _OUTCOMES}
"""Made at once: an alert that compares with before sees nothing when a counter is born at one."""


def count_sale(change: Change) -> None:
    """Count a change that was committed; one that leaves the vehicle as it is counts nothing."""
    if change.vehicle is not None:
        _children[change.order.status, change.order.cancel_reason or NO_REASON].inc()
