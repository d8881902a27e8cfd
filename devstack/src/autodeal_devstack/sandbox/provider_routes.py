"""`/v1/payments`, as Mercado Pago serves it."""

from litestar import Response, Router, get, post, put
from litestar.params import FromPath

from autodeal_devstack.sandbox.control_messages import Operation
from autodeal_devstack.sandbox.create_request import read_document
from autodeal_devstack.sandbox.front_desk import AnyRequest, Visit
from autodeal_devstack.sandbox.provider_errors import ProviderError, payment_not_found
from autodeal_devstack.sandbox.sandbox_parts import Sandbox, TheSandbox

_LONGEST_ID = 18


@post("/payments")
async def create_payment(request: AnyRequest, sandbox: TheSandbox) -> Response[bytes]:
    """Make a payment."""
    body, key = await request.body(), request.headers.get("x-idempotency-key", "")
    visit = Visit(
        operation=Operation.CREATE,
        external_reference=_peek_reference(body),
        key_scope="create",
        success=201,
    )
    return await sandbox.desk.serve(
        request, visit, lambda _: sandbox.provider.create(read_document(body), key)
    )


@get("/payments/search")
async def search_payments(request: AnyRequest, sandbox: TheSandbox) -> Response[bytes]:
    """Find payments."""
    params = {name: str(value) for name, value in request.query_params.items()}
    visit = Visit(operation=Operation.SEARCH, external_reference=params.get("external_reference"))
    return await sandbox.desk.serve(
        request, visit, lambda plan: sandbox.provider.search(params, plan.hidden_ms)
    )


@get("/payments/{payment_id:str}")
async def get_payment(request: AnyRequest, sandbox: TheSandbox, payment_id: FromPath[str]) -> Response[bytes]:
    """Return a payment."""
    visit = _visit(sandbox, Operation.GET, payment_id)
    return await sandbox.desk.serve(request, visit, lambda _: sandbox.provider.get(_read_id(payment_id)))


@put("/payments/{payment_id:str}")
async def update_payment(
    request: AnyRequest, sandbox: TheSandbox, payment_id: FromPath[str]
) -> Response[bytes]:
    """Cancel a payment."""
    body = await request.body()
    visit = _visit(sandbox, Operation.CANCEL, payment_id)
    return await sandbox.desk.serve(
        request, visit, lambda _: sandbox.provider.update(_read_id(payment_id), read_document(body))
    )


@post("/payments/{payment_id:str}/refunds")
async def create_refund(
    request: AnyRequest, sandbox: TheSandbox, payment_id: FromPath[str]
) -> Response[bytes]:
    """Give money back."""
    body, key = await request.body(), request.headers.get("x-idempotency-key", "")
    visit = _visit(sandbox, Operation.REFUND, payment_id, key_scope=f"refund {payment_id}", success=201)
    return await sandbox.desk.serve(
        request, visit, lambda _: sandbox.provider.refund(_read_id(payment_id), read_document(body), key)
    )


@get("/payments/{payment_id:str}/refunds")
async def list_refunds(
    request: AnyRequest, sandbox: TheSandbox, payment_id: FromPath[str]
) -> Response[bytes]:
    """Return a payment's refunds."""
    visit = _visit(sandbox, Operation.GET, payment_id)
    return await sandbox.desk.serve(
        request, visit, lambda _: sandbox.provider.list_refunds(_read_id(payment_id))
    )


@get("/payments/{payment_id:str}/refunds/{refund_id:str}")
async def get_refund(
    request: AnyRequest, sandbox: TheSandbox, payment_id: FromPath[str], refund_id: FromPath[str]
) -> Response[bytes]:
    """Return one refund."""
    visit = _visit(sandbox, Operation.GET, payment_id)
    return await sandbox.desk.serve(
        request,
        visit,
        lambda _: sandbox.provider.get_refund(_read_id(payment_id), _read_id(refund_id)),
    )


def provider_router() -> Router:
    """Return the routes under `/v1`."""
    return Router(
        "/v1",
        route_handlers=[
            create_payment,
            search_payments,
            get_payment,
            update_payment,
            create_refund,
            list_refunds,
            get_refund,
        ],
    )


def _visit(
    sandbox: Sandbox,
    operation: Operation,
    payment_id: str,
    *,
    key_scope: str | None = None,
    success: int = 200,
) -> Visit:
    payment = sandbox.book.find(_read_id(payment_id)) if _is_id(payment_id) else None
    return Visit(
        operation=operation,
        external_reference=payment.external_reference if payment is not None else None,
        key_scope=key_scope,
        success=success,
    )


def _peek_reference(body: bytes) -> str | None:
    """Read the reference for the record and the faults; whether the body is sound is found out later."""
    try:
        reference = read_document(body).get("external_reference")
    except ProviderError:
        return None
    return reference if isinstance(reference, str) else None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID


def _read_id(text: str) -> int:
    if not _is_id(text):
        raise payment_not_found()
    return int(text)
