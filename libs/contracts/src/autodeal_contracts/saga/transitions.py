"""Which state may follow which."""

from __future__ import annotations

from autodeal_contracts.saga.states import OrderState, PaymentState

ORDER_TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.DRAFT: frozenset({OrderState.SOLD, OrderState.CANCELLED}),
    OrderState.SOLD: frozenset({OrderState.REFUNDING, OrderState.REFUNDED}),
    OrderState.REFUNDING: frozenset({OrderState.REFUNDED, OrderState.REFUND_FAILED}),
    OrderState.REFUND_FAILED: frozenset({OrderState.REFUNDING, OrderState.REFUNDED}),
    OrderState.REFUNDED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}
"""`refund_failed → refunded` is the payment service's own retry that went through, `sold → refunded` a
refund that somebody made at the provider, or one asked for after the buyer's bank took the money back."""

PAYMENT_TRANSITIONS: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.REQUESTED: frozenset(
        {
            PaymentState.UNKNOWN,
            PaymentState.PENDING,
            PaymentState.APPROVED,
            PaymentState.REJECTED,
            PaymentState.EXPIRED,
            PaymentState.CANCELLED,
        }
    ),
    PaymentState.UNKNOWN: frozenset(
        {
            PaymentState.PENDING,
            PaymentState.APPROVED,
            PaymentState.REJECTED,
            PaymentState.EXPIRED,
            PaymentState.CANCELLED,
        }
    ),
    PaymentState.PENDING: frozenset(
        {PaymentState.APPROVED, PaymentState.REJECTED, PaymentState.EXPIRED, PaymentState.CANCELLED}
    ),
    PaymentState.APPROVED: frozenset(
        {PaymentState.REFUNDING, PaymentState.REFUNDED, PaymentState.CHARGED_BACK}
    ),
    PaymentState.REFUNDING: frozenset(
        {PaymentState.REFUNDED, PaymentState.REFUND_FAILED, PaymentState.CHARGED_BACK}
    ),
    PaymentState.REFUND_FAILED: frozenset(
        {PaymentState.REFUNDING, PaymentState.REFUNDED, PaymentState.CHARGED_BACK}
    ),
    PaymentState.REJECTED: frozenset({PaymentState.APPROVED}),
    PaymentState.EXPIRED: frozenset({PaymentState.APPROVED}),
    PaymentState.CANCELLED: frozenset({PaymentState.APPROVED}),
    PaymentState.REFUNDED: frozenset(),
    PaymentState.CHARGED_BACK: frozenset(),
}
"""A payment that was over and is yet approved by the provider is money taken: it counts or goes back."""
