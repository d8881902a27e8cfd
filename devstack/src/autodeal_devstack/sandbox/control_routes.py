"""`/sandbox/…`: what tests and demos decide behind the provider's back. Documented in the README beside."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, FromQuery

from autodeal_devstack.sandbox.control_messages import (
    FaultOrder,
    MoveOrder,
    NotifyOrder,
    NotifyResult,
    RefundModeOrder,
    SettleOrder,
)
from autodeal_devstack.sandbox.faults import FaultOrderError
from autodeal_devstack.sandbox.front_desk import AnyRequest, error_response
from autodeal_devstack.sandbox.payment import (
    IllegalMoveError,
    Move,
    Payment,
    approve,
    cancel,
    charge_back,
    decline,
    hold_for_review,
    settle_refunds,
)
from autodeal_devstack.sandbox.present_payment import summarize_payment
from autodeal_devstack.sandbox.provider_errors import ProviderError, bad_request, payment_not_found
from autodeal_devstack.sandbox.sandbox_parts import Sandbox, TheSandbox
from autodeal_platform.json_codec import encode_json

Order = TypeVar("Order")
_LONGEST_WAIT_MS = 60_000

MOVES: dict[str, Callable[[MoveOrder], Move]] = {
    "approve": lambda order: approve(force=order.force),
    "decline": lambda order: decline(order.detail),
    "cancel": lambda order: cancel(order.detail or "by_payer"),
    "expire": lambda _: cancel("expired"),
    "in-process": lambda _: hold_for_review(),
    "charge-back": lambda order: charge_back(order.detail or "in_process"),
}
"""The moves by the last word of their path."""


@get("/payments")
async def list_payments(
    sandbox: TheSandbox, external_reference: FromQuery[str | None] = None
) -> Response[bytes]:
    """Return the payments, newest first."""
    return _answer([_summary(sandbox, payment) for payment in sandbox.book.all(external_reference)])


@get("/payments/{name:str}")
async def show_payment(
    sandbox: TheSandbox,
    name: FromPath[str],
    status: FromQuery[str | None] = None,
    wait_ms: FromQuery[int] = 0,
) -> Response[bytes]:
    """Return a payment by id or reference, waiting until it exists and, if asked, has a status."""
    payment = await sandbox.book.wait_for(
        name,
        lambda candidate: status in {None, candidate.status},
        min(max(wait_ms, 0), _LONGEST_WAIT_MS) / 1000,
    )
    if payment is None:
        raise payment_not_found()
    return _answer(_summary(sandbox, payment))


@post("/payments/{name:str}/{move:str}")
async def move_payment(
    request: AnyRequest, sandbox: TheSandbox, name: FromPath[str], move: FromPath[str]
) -> Response[bytes]:
    """Approve, decline, cancel, expire, set aside or charge back."""
    make_move = MOVES.get(move)
    if make_move is None:
        raise ProviderError(404, "not_found", f"There is no such move; there are {', '.join(MOVES)}")
    order = await _read(request, MoveOrder)
    payment = sandbox.book.change(_require(sandbox, name).id, make_move(order))
    return _answer(_summary(sandbox, payment))


@post("/payments/{name:str}/refund-mode")
async def set_refund_mode(request: AnyRequest, sandbox: TheSandbox, name: FromPath[str]) -> Response[bytes]:
    """Decide what becomes of the next refunds."""
    order = await _read(request, RefundModeOrder)
    payment = _require(sandbox, name)
    sandbox.refunds.decide(payment.id, order.mode, order.count)
    return _answer(_summary(sandbox, payment))


@post("/payments/{name:str}/settle-refunds")
async def settle(request: AnyRequest, sandbox: TheSandbox, name: FromPath[str]) -> Response[bytes]:
    """Decide the refunds that are in process."""
    order = await _read(request, SettleOrder)
    move = settle_refunds("approved" if order.approved else "rejected")
    return _answer(_summary(sandbox, sandbox.book.change(_require(sandbox, name).id, move)))


@post("/payments/{name:str}/notify")
async def notify(request: AnyRequest, sandbox: TheSandbox, name: FromPath[str]) -> Response[bytes]:
    """Send one more notification, once, and tell what the receiver answered."""
    order = await _read(request, NotifyOrder)
    status = await sandbox.sender.notify_once(_require(sandbox, name), forged=order.forged)
    return _answer(NotifyResult(status=status))


@get("/faults")
async def list_faults(sandbox: TheSandbox) -> Response[bytes]:
    """Return the faults that are on."""
    return _answer(sandbox.faults.all())


@post("/faults")
async def switch_fault_on(request: AnyRequest, sandbox: TheSandbox) -> Response[bytes]:
    """Switch a fault on."""
    return _answer(sandbox.faults.switch_on(await _read(request, FaultOrder)), status=201)


@delete("/faults", status_code=204)
async def switch_faults_off(sandbox: TheSandbox) -> None:
    """Switch all faults off."""
    sandbox.faults.clear()


@delete("/faults/{fault_id:int}", status_code=204)
async def switch_fault_off(sandbox: TheSandbox, fault_id: FromPath[int]) -> None:
    """Switch one fault off; it may have ended by itself."""
    sandbox.faults.switch_off(fault_id)


@get("/calls")
async def list_calls(
    sandbox: TheSandbox,
    external_reference: FromQuery[str | None] = None,
    operation: FromQuery[str | None] = None,
) -> Response[bytes]:
    """Return the calls that the provider received, oldest first."""
    return _answer(sandbox.calls.all(external_reference, operation))


@get("/webhooks")
async def list_deliveries(
    sandbox: TheSandbox, external_reference: FromQuery[str | None] = None
) -> Response[bytes]:
    """Return the attempts to deliver notifications, oldest first."""
    return _answer(sandbox.sender.deliveries(external_reference))


@post("/reset", status_code=204)
async def reset(sandbox: TheSandbox) -> None:
    """Forget everything."""
    sandbox.reset()


def control_router() -> Router:
    """Return the routes under `/sandbox`."""
    return Router(
        "/sandbox",
        route_handlers=[
            list_payments,
            show_payment,
            move_payment,
            set_refund_mode,
            settle,
            notify,
            list_faults,
            switch_fault_on,
            switch_faults_off,
            switch_fault_off,
            list_calls,
            list_deliveries,
            reset,
        ],
        exception_handlers={
            ProviderError: _refuse,
            IllegalMoveError: lambda _, error: error_response(ProviderError(409, "conflict", str(error))),
            FaultOrderError: lambda _, error: error_response(bad_request(1, str(error))),
        },
    )


async def _read(request: AnyRequest, wanted: type[Order]) -> Order:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(1, str(error)) from None


def _refuse(_: AnyRequest, error: ProviderError) -> Response[bytes]:
    return error_response(error)


def _require(sandbox: Sandbox, name: str) -> Payment:
    payment = sandbox.book.find_by_name(name)
    if payment is None:
        raise payment_not_found()
    return payment


def _summary(sandbox: Sandbox, payment: Payment) -> object:
    return summarize_payment(payment, sandbox.settings.public_url)


def _answer(content: Any, status: int = 200) -> Response[bytes]:  # noqa: ANN401 - whatever has a JSON form
    return Response(encode_json(content), status_code=status, media_type="application/json")
