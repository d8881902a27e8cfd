"""Faults that are switched on for some calls or webhooks: which there are, and which hit the next one."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from autodeal_devstack.sandbox.control_messages import Fault, FaultKind, FaultOrder, Operation

WEBHOOK_KINDS = frozenset(
    {FaultKind.LOST, FaultKind.DUPLICATED, FaultKind.LATE, FaultKind.FORGED, FaultKind.REORDERED}
)
_DEFAULT_STATUS = 500
_DEFAULT_WEBHOOK_DELAY_MS = 2_000


class FaultOrderError(ValueError):
    """The order makes no sense, such as a forged answer to a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """What the switched faults do to one call of the provider's interface."""

    kinds: tuple[FaultKind, ...] = ()
    delay_ms: int = 0
    silent_before: bool = False
    silent_after: bool = False
    status_before: int | None = None
    status_after: int | None = None
    retry_after_seconds: int = 1
    hidden_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPlan:
    """What the switched faults do to one notification."""

    kinds: tuple[FaultKind, ...] = ()
    delay_ms: int = 0

    def has(self, kind: FaultKind) -> bool:
        """Tell whether a fault of this kind hit."""
        return kind in self.kinds


class FaultBoard:
    """The switched faults. A fault with a count switches itself off after that many hits."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._ids = itertools.count(1)

    def switch_on(self, order: FaultOrder) -> Fault:
        """Add a fault; `FaultOrderError` when kind, operation and values do not go together."""
        fault = Fault(id=next(self._ids), order=_complete(order), remaining=order.count)
        self._faults[fault.id] = fault
        return fault

    def switch_off(self, fault_id: int) -> bool:
        """Remove a fault and tell whether it was there."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def all(self) -> list[Fault]:
        """Return the faults, oldest first."""
        return list(self._faults.values())

    def plan_call(self, operation: Operation, external_reference: str | None) -> CallPlan:
        """Take what hits a call: every delay adds up, and of the other kinds the oldest fault wins."""
        matching = list(self._matching(operation, external_reference))
        delays = [fault for fault in matching if fault.order.kind is FaultKind.DELAY]
        others = [fault for fault in matching if fault.order.kind is not FaultKind.DELAY][:1]
        self._spend([*delays, *others])
        delay_ms = sum(fault.order.delay_ms or 0 for fault in delays)
        kinds = tuple(fault.order.kind for fault in (*delays, *others))
        if not others:
            return CallPlan(kinds=kinds, delay_ms=delay_ms)
        order = others[0].order
        return CallPlan(
            kinds=kinds,
            delay_ms=delay_ms,
            silent_before=order.kind is FaultKind.TIMEOUT_BEFORE_EFFECT,
            silent_after=order.kind is FaultKind.TIMEOUT_AFTER_EFFECT,
            status_before=order.status if order.kind is FaultKind.STATUS else None,
            status_after=order.status if order.kind is FaultKind.STATUS_AFTER_EFFECT else None,
            retry_after_seconds=order.retry_after_seconds,
            hidden_ms=(order.delay_ms or 0) if order.kind is FaultKind.LATE else 0,
        )

    def plan_webhook(self, external_reference: str | None) -> WebhookPlan:
        """Take what hits a notification: one fault of each kind."""
        hits: dict[FaultKind, Fault] = {}
        for fault in self._matching(Operation.WEBHOOK, external_reference):
            hits.setdefault(fault.order.kind, fault)
        self._spend(hits.values())
        delay_ms = max((fault.order.delay_ms or 0 for fault in hits.values()), default=0)
        return WebhookPlan(kinds=tuple(hits), delay_ms=delay_ms)

    def _matching(self, operation: Operation, external_reference: str | None) -> Iterable[Fault]:
        for fault in self._faults.values():
            meant = fault.order.operation is None or fault.order.operation is operation
            # A fault of calls without an operation is meant for all calls, never for webhooks.
            meant = meant and (operation is not Operation.WEBHOOK or fault.order.operation is operation)
            if meant and (external_reference or "").startswith(fault.order.reference_prefix):
                yield fault

    def _spend(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            if fault.remaining is None:
                continue
            if fault.remaining <= 1:
                del self._faults[fault.id]
            else:
                self._faults[fault.id] = msgspec.structs.replace(fault, remaining=fault.remaining - 1)


def _complete(order: FaultOrder) -> FaultOrder:
    """Fill in what the kind implies, and refuse what does not go together."""
    is_late_search = order.kind is FaultKind.LATE and order.operation is Operation.SEARCH
    if order.kind in WEBHOOK_KINDS and not is_late_search:
        if order.operation not in {None, Operation.WEBHOOK}:
            raise FaultOrderError(f"{order.kind} is a fault of webhooks, not of {order.operation}")
        delay_ms = _DEFAULT_WEBHOOK_DELAY_MS if order.delay_ms is None else order.delay_ms
        waits = order.kind in {FaultKind.LATE, FaultKind.REORDERED}
        return msgspec.structs.replace(
            order, operation=Operation.WEBHOOK, delay_ms=delay_ms if waits else None
        )
    if order.operation is Operation.WEBHOOK:
        raise FaultOrderError(f"{order.kind} is a fault of calls, not of webhooks")
    if order.kind in {FaultKind.DELAY, FaultKind.LATE} and order.delay_ms is None:
        raise FaultOrderError(f"{order.kind} needs delay_ms")
    if order.kind in {FaultKind.STATUS, FaultKind.STATUS_AFTER_EFFECT} and order.status is None:
        return msgspec.structs.replace(order, status=_DEFAULT_STATUS)
    return order
