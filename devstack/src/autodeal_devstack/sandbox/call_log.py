"""The calls that the provider received, so that a test can count them. Holds no body and no personal data."""

import itertools
from collections import OrderedDict
from datetime import datetime

import msgspec

from autodeal_devstack.sandbox.control_messages import Call, FaultKind, Operation


class CallLog:
    """The latest `limit` calls."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: OrderedDict[int, Call] = OrderedDict()
        self._sequence = itertools.count(1)

    def begin(
        self,
        *,
        at: datetime,
        method: str,
        path: str,
        operation: Operation,
        external_reference: str | None,
        idempotency_key: str | None,
    ) -> int:
        """Record a call on arrival and return its number."""
        number = next(self._sequence)
        self._calls[number] = Call(
            sequence=number,
            at=at,
            method=method,
            path=path,
            operation=operation,
            external_reference=external_reference,
            idempotency_key=idempotency_key,
            status=None,
            faults=(),
        )
        if len(self._calls) > self._limit:
            self._calls.popitem(last=False)
        return number

    def note(
        self, number: int, *, faults: tuple[FaultKind, ...] | None = None, status: int | None = None
    ) -> None:
        """Add what hit the call or how it was answered; a call that was dropped or cleared stays so."""
        call = self._calls.get(number)
        if call is None:
            return
        if faults is not None:
            call = msgspec.structs.replace(call, faults=faults)
        if status is not None:
            call = msgspec.structs.replace(call, status=status)
        self._calls[number] = call

    def all(self, external_reference: str | None = None, operation: str | None = None) -> list[Call]:
        """Return the calls, oldest first, of one payment reference or operation where given."""
        return [
            call
            for call in self._calls.values()
            if external_reference in {None, call.external_reference} and operation in {None, call.operation}
        ]

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
