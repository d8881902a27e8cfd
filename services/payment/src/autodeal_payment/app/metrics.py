"""What this service counts besides what its libraries count."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState

PAYMENTS = Counter(
    "autodeal_payment_payments_total", "Payments that came to a state.", labelnames=["method", "state"]
)
for _method in PaymentMethod:  # an alert sees nothing when a counter is born at one
    for _state in PaymentState:
        PAYMENTS.labels(_method, _state)
PROVIDER_SHUT_OFF = Gauge(
    "autodeal_payment_provider_shut_off",
    "1 while the provider went unanswered so often that it is called only now and then.",
)
PROVIDER_CALLS = Histogram(
    "autodeal_payment_provider_call_seconds",
    "Calls to the payment provider, retries included.",
    labelnames=["operation", "outcome"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
NOTIFICATIONS_IGNORED = Counter(
    "autodeal_payment_notifications_ignored_total",
    "Notifications about payments that are not ours.",
    labelnames=["reason"],
)
WRONG_AMOUNTS = Counter(
    "autodeal_payment_wrong_amounts_total", "Payments approved over another amount than the price."
)
STRAY_PAYMENTS = Counter(
    "autodeal_payment_strays_total", "Second payments at the provider under one reference."
)
REFUNDS_STUCK = Counter(
    "autodeal_payment_refunds_stuck_total", "Refunds refused so often that a person must look."
)
CONFLICTS = Counter(
    "autodeal_payment_version_conflicts_total", "Changes decided anew because another one came first."
)
