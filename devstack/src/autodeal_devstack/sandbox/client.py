"""A client of the control interface, for demos and tests: the provider's side of a story."""

from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from autodeal_devstack.sandbox.control_messages import (
    Call,
    Delivery,
    Fault,
    FaultKind,
    FaultOrder,
    MoveOrder,
    NotifyOrder,
    NotifyResult,
    Operation,
    PaymentSummary,
    RefundMode,
    RefundModeOrder,
    SettleOrder,
)
from autodeal_devstack.sandbox.payment import Status

Answer = TypeVar("Answer")
_TIMEOUT = aiohttp.ClientTimeout(total=75)
_encoder = msgspec.json.Encoder()


class SandboxControlError(Exception):
    """The sandbox refused; `status` is 404 for an unknown payment, 409 for one in the wrong state."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class SandboxControl:
    """Acts as the payer, the bank and the weather. Payments are named by id or external reference.

    Each call opens a connection of its own, so there is nothing to close.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def approve(self, name: str, *, force: bool = False) -> PaymentSummary:
        """Pay; with `force` even what was cancelled or declined already."""
        return await self._move(name, "approve", MoveOrder(force=force))

    async def decline(self, name: str, *, detail: str | None = None) -> PaymentSummary:
        """Refuse the payment, for a reason in the provider's words."""
        return await self._move(name, "decline", MoveOrder(detail=detail))

    async def cancel(self, name: str, *, detail: str = "by_payer") -> PaymentSummary:
        """Cancel the payment on the payer's behalf."""
        return await self._move(name, "cancel", MoveOrder(detail=detail))

    async def expire(self, name: str) -> PaymentSummary:
        """Let the payment's time be over."""
        return await self._move(name, "expire", MoveOrder())

    async def set_in_process(self, name: str) -> PaymentSummary:
        """Let the provider look at the payment first; approve or decline it later."""
        return await self._move(name, "in-process", MoveOrder())

    async def charge_back(self, name: str, *, detail: str = "in_process") -> PaymentSummary:
        """Let the payer's bank take an approved payment back."""
        return await self._move(name, "charge-back", MoveOrder(detail=detail))

    async def refuse_refunds(
        self,
        name: str,
        *,
        count: int | None = None,
        mode: RefundMode | str = RefundMode.INSUFFICIENT_BALANCE,
    ) -> PaymentSummary:
        """Let the next `count` refunds, or all, fail by a 400 or end with the status that `mode` names."""
        order = RefundModeOrder(mode=RefundMode(mode), count=count)
        return await self._send("POST", f"payments/{_quoted(name)}/refund-mode", PaymentSummary, order)

    async def settle_refunds(self, name: str, *, approved: bool = True) -> PaymentSummary:
        """Decide the refunds that are in process."""
        order = SettleOrder(approved=approved)
        return await self._send("POST", f"payments/{_quoted(name)}/settle-refunds", PaymentSummary, order)

    async def notify(self, name: str, *, forged: bool = False) -> int | None:
        """Send one more notification, once; return what the receiver answered."""
        order = NotifyOrder(forged=forged)
        return (await self._send("POST", f"payments/{_quoted(name)}/notify", NotifyResult, order)).status

    async def fault(
        self,
        operation: Operation | str | None = None,
        *,
        kind: FaultKind | str,
        reference: str = "",
        count: int | None = None,
        delay_ms: int | None = None,
        status: int | None = None,
        retry_after_seconds: int = 1,
    ) -> Fault:
        """Switch a fault on for references that begin with `reference`, for `count` hits or until cleared."""
        order = FaultOrder(
            kind=FaultKind(kind),
            operation=None if operation is None else Operation(operation),
            reference_prefix=reference,
            count=count,
            delay_ms=delay_ms,
            status=status,
            retry_after_seconds=retry_after_seconds,
        )
        return await self._send("POST", "faults", Fault, order)

    async def faults(self) -> list[Fault]:
        """Return the faults that are on."""
        return await self._send("GET", "faults", list[Fault])

    async def clear_faults(self) -> None:
        """Switch all faults off."""
        await self._exchange("DELETE", "faults")

    async def calls(
        self, external_reference: str | None = None, operation: Operation | str | None = None
    ) -> list[Call]:
        """Return the calls that the provider received, oldest first."""
        return await self._send(
            "GET", "calls", list[Call], external_reference=external_reference, operation=operation
        )

    async def webhooks(self, external_reference: str | None = None) -> list[Delivery]:
        """Return the attempts to deliver notifications, oldest first."""
        return await self._send("GET", "webhooks", list[Delivery], external_reference=external_reference)

    async def payments(self, external_reference: str | None = None) -> list[PaymentSummary]:
        """Return the payments, newest first."""
        return await self._send(
            "GET", "payments", list[PaymentSummary], external_reference=external_reference
        )

    async def payment(
        self, name: str, *, status: Status | str | None = None, wait_seconds: float = 0.0
    ) -> PaymentSummary:
        """Return a payment, waiting until it exists and has `status`; 404 when that does not come about."""
        wait_ms = str(int(wait_seconds * 1000))
        return await self._send(
            "GET", f"payments/{_quoted(name)}", PaymentSummary, status=status, wait_ms=wait_ms
        )

    async def provider_id(self, name: str) -> int:
        """Return the provider's id of a payment."""
        return (await self.payment(name)).id

    async def reset(self) -> None:
        """Let the sandbox forget everything."""
        await self._exchange("POST", "reset")

    async def _move(self, name: str, move: str, order: MoveOrder) -> PaymentSummary:
        return await self._send("POST", f"payments/{_quoted(name)}/{move}", PaymentSummary, order)

    async def _send(
        self,
        method: str,
        path: str,
        wanted: type[Answer],
        order: msgspec.Struct | None = None,
        **query: str | None,
    ) -> Answer:
        return msgspec.json.decode(await self._exchange(method, path, order, **query), type=wanted)

    async def _exchange(
        self, method: str, path: str, order: msgspec.Struct | None = None, **query: str | None
    ) -> bytes:
        body = None if order is None else _encoder.encode(order)
        params = {name: str(value) for name, value in query.items() if value is not None}
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.request(method, f"{self._url}/sandbox/{path}", data=body, params=params) as response,
        ):
            answer = await response.read()
            if not response.ok:
                raise SandboxControlError(response.status, answer.decode(errors="replace"))
            return answer


def _quoted(name: str) -> str:
    return quote(name, safe="")
