"""What the control interface under `/sandbox` says and takes, for its routes and its client."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from autodeal_devstack.sandbox.payment import Method, Status


class Operation(StrEnum):
    """What a fault can be switched for."""

    CREATE = "create"
    GET = "get"
    SEARCH = "search"
    CANCEL = "cancel"
    REFUND = "refund"
    WEBHOOK = "webhook"


class FaultKind(StrEnum):
    """What goes wrong. The last five are faults of webhooks; `late` is also one of searches."""

    DELAY = "delay"
    TIMEOUT_BEFORE_EFFECT = "timeout_before_effect"
    TIMEOUT_AFTER_EFFECT = "timeout_after_effect"
    STATUS = "status"
    STATUS_AFTER_EFFECT = "status_after_effect"
    LOST = "lost"
    DUPLICATED = "duplicated"
    LATE = "late"
    FORGED = "forged"
    REORDERED = "reordered"


class RefundMode(StrEnum):
    """What becomes of the refunds of a payment."""

    APPROVED = "approved"
    REJECTED = "rejected"
    IN_PROCESS = "in_process"
    INSUFFICIENT_BALANCE = "insufficient_balance"


_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class FaultOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault to switch on.

    `operation` None means every call. `count` None means until it is switched off. `delay_ms` is the
    length of a delay, how late a webhook comes, or how long a payment stays hidden from searches.
    """

    kind: FaultKind
    operation: Operation | None = None
    reference_prefix: str = ""
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    delay_ms: _Milliseconds | None = None
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    retry_after_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 1


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that is on; `remaining` hits are left, or any number."""

    id: int
    order: FaultOrder
    remaining: int | None


class PaymentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A payment, as far as a test or a demo wants to know it."""

    id: int
    external_reference: str | None
    method: Method
    status: Status
    status_detail: str
    amount: Decimal
    refunded_amount: Decimal
    url: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the provider received. `status` None: the answer has not left yet, or never will."""

    sequence: int
    at: datetime
    method: str
    path: str
    operation: Operation
    external_reference: str | None
    idempotency_key: str | None
    status: int | None
    faults: tuple[FaultKind, ...]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to deliver a notification, or the reason why there was none.

    `outcome`: `delivered`, `refused` (another status), `unreachable`, `lost` (a fault), `gave_up` (the
    last attempt failed) or `dropped` (too many were waiting).
    """

    notification_id: int
    payment_id: int
    external_reference: str | None
    action: str
    attempt: int
    at: datetime
    outcome: str
    status: int | None
    faults: tuple[FaultKind, ...]


class MoveOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Optional body of a move: the provider's reason, or `force` to approve what is closed already."""

    detail: str | None = None
    force: bool = False


class RefundModeOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to the next `count` refunds of a payment, or to all."""

    mode: RefundMode
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None


class SettleOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the refunds in process end approved."""

    approved: bool = True


class NotifyOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One more notification of a payment, sent once; a forged one has a wrong signature."""

    forged: bool = False


class NotifyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver answered; None when it could not be reached."""

    status: int | None
