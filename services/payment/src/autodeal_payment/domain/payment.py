"""One payment of an order: an attempt of the buyer to pay it by one method."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from autodeal_contracts.events.payment import PaymentInstructions
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PAYMENT_TRANSITIONS, PaymentState
from autodeal_payment.domain.provider_payment import ProviderStatus

UNSETTLED = frozenset({PaymentState.REQUESTED, PaymentState.UNKNOWN, PaymentState.PENDING})
"""Not decided yet."""
NEVER_SEEN = frozenset({PaymentState.REQUESTED, PaymentState.UNKNOWN})
"""The provider has not said yet that it has this payment."""
ENDED_UNPAID = frozenset({PaymentState.REJECTED, PaymentState.EXPIRED, PaymentState.CANCELLED})
"""Over without money, as far as is known: money that shows up all the same is taken seriously."""
MONEY_HELD = frozenset({PaymentState.APPROVED, PaymentState.REFUNDING, PaymentState.REFUND_FAILED})
"""The provider has the buyer's money."""
OVER = frozenset({PaymentState.REFUNDED, PaymentState.CHARGED_BACK})
"""Nothing can follow."""


class IllegalTransitionError(Exception):
    """A change of state that the saga table does not have: a mistake in this program."""


@dataclass(frozen=True, kw_only=True)
class Payment:
    """One attempt. The state is what happened; the fields after `reason` are what is known and due."""

    order_id: int
    attempt: int
    """The how-manieth payment of its order, from 1."""
    method: PaymentMethod
    amount_cents: int
    """What is asked for: the order's price."""
    state: PaymentState
    created_at: datetime
    changed_at: datetime
    """When the state last changed."""
    expires_at: datetime
    """Until when the buyer may pay: the order's deadline."""
    provider_expires_at: datetime
    """The expiry that the provider is given, unless it has come too near by the time of the call."""
    superseded_by: str | None = None
    """The payment that took or kept this one's place."""
    idempotency_digest: str | None = None
    """SHA-256 of the key with which the buyer asked for it."""
    request_fingerprint: str | None = None
    """What the buyer's request was, as long as its answer is still to be stored under the key."""
    reason: str | None = None
    """Why it was rejected, or is being or could not be refunded; a machine-readable word."""
    provider_id: str | None = None
    provider_status: ProviderStatus | None = None
    """What the provider said last."""
    instructions: PaymentInstructions = field(default_factory=PaymentInstructions)
    taken_cents: int | None = None
    """What the provider took, once it was approved."""
    tries: int = 0
    """Calls in a row that were not answered."""
    checks: int = 0
    """How often the provider was asked about it while it waited."""
    not_before: datetime | None = None
    """The provider is left alone about this payment until then."""
    absent: bool = False
    """The last look-up found nothing at the provider."""
    doubtful: bool = False
    """Something happened at the provider that is not known here: ask before anything else."""
    refund_accepted: bool = False
    """The provider is returning the money and has not finished."""
    refund_rounds: int = 0
    """Refunds that the provider took on and then rejected for good; the next one is another refund."""
    refund_failures: int = 0
    """Refused refunds in a row since somebody last asked for one."""
    recheck_at: datetime | None = None
    """It ended without the provider's word: look once more then, in case a call took effect late."""

    @property
    def payment_id(self) -> str:
        """The name everybody knows it by, also the provider (`external_reference`)."""
        return f"{self.order_id}-{self.attempt}"

    @property
    def refund_key(self) -> str:
        """The stable key of its refund; a new one only after a refund was taken on and rejected."""
        rounds = f"-{self.refund_rounds}" if self.refund_rounds else ""
        return f"{self.payment_id}-refund{rounds}"

    @property
    def is_unsettled(self) -> bool:
        """Whether it may still be paid or refused."""
        return self.state in UNSETTLED

    @property
    def money_cents(self) -> int:
        """What was taken, or else what was asked for."""
        return self.amount_cents if self.taken_cents is None else self.taken_cents

    def become(self, state: PaymentState, now: datetime, **changes: Any) -> Payment:  # noqa: ANN401
        """Return the payment in its next state, with nothing waiting.

        Raises IllegalTransitionError when the saga table does not allow it.
        """
        if state not in PAYMENT_TRANSITIONS[self.state]:
            raise IllegalTransitionError(f"{self.payment_id}: {self.state} cannot become {state}")
        at_rest: dict[str, Any] = {"tries": 0, "checks": 0, "not_before": None, "absent": False}
        return replace(self, state=state, changed_at=now, **{**at_rest, **changes})


def parse_payment_id(text: str) -> tuple[int, int] | None:
    """Return (order id, attempt) of a payment id; None when it is not one of ours."""
    order, dash, attempt = text.partition("-")
    if not dash or not _is_count(order, digits=19) or not _is_count(attempt, digits=4):
        return None
    return int(order), int(attempt)


def _is_count(text: str, *, digits: int) -> bool:
    return text.isascii() and text.isdigit() and not text.startswith("0") and len(text) <= digits
