"""The pages where a person pays or declines, and the list of payments with its switches for faults.

They work without JavaScript: every button is a form, answered by a redirect to the page it came from.
"""

import contextlib

from litestar import Response, Router, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from autodeal_devstack.sandbox.control_messages import FaultKind, FaultOrder, Operation
from autodeal_devstack.sandbox.draw_index_page import draw_index_page
from autodeal_devstack.sandbox.draw_pay_page import draw_pay_page
from autodeal_devstack.sandbox.faults import FaultOrderError
from autodeal_devstack.sandbox.front_desk import AnyRequest
from autodeal_devstack.sandbox.page_layout import draw_message_page
from autodeal_devstack.sandbox.payment import IllegalMoveError, Move, approve, decline
from autodeal_devstack.sandbox.sandbox_parts import Sandbox, TheSandbox

_SHOWN_PAYMENTS = 50
_MOVES: dict[str, Move] = {"pay": approve(), "decline": decline()}
# The pages load nothing and run nothing; whatever slipped into a description could not either.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'self'"
_HEADERS = {"content-security-policy": _POLICY, "cache-control": "no-store"}


class PageNotFoundError(Exception):
    """There is no such payment."""


@get("/")
async def show_index(sandbox: TheSandbox) -> Response[bytes]:
    """Show the latest payments and the faults."""
    return _page(_draw_index(sandbox))


@get("/pay/{payment_id:int}")
async def show_payment_page(sandbox: TheSandbox, payment_id: FromPath[int]) -> Response[bytes]:
    """Show a payment with its code and, while it is open, the buttons to pay and to decline."""
    payment = sandbox.book.find(payment_id)
    if payment is None:
        raise PageNotFoundError
    return _page(draw_pay_page(payment, merchant=sandbox.settings.sandbox_merchant_name))


@post("/pay/{payment_id:int}/{choice:str}")
async def choose(sandbox: TheSandbox, payment_id: FromPath[int], choice: FromPath[str]) -> Redirect:
    """Pay or decline, then show the payment again; what is closed already stays as it is."""
    if sandbox.book.find(payment_id) is None or choice not in _MOVES:
        raise PageNotFoundError
    with contextlib.suppress(IllegalMoveError):
        sandbox.book.change(payment_id, _MOVES[choice])
    return Redirect(f"/pay/{payment_id}", status_code=303)


@post("/faults")
async def switch_on(request: AnyRequest, sandbox: TheSandbox) -> Response[bytes] | Redirect:
    """Switch a fault on."""
    form = await request.form()
    try:
        order = _read_fault({name: str(value).strip() for name, value in form.items()})
    except ValueError as error:
        return _page(_draw_index(sandbox, complaint=str(error)), status=400)
    try:
        sandbox.faults.switch_on(order)
    except FaultOrderError:
        complaint = "Esta falha não combina com a operação, ou faltam os milissegundos."
        return _page(_draw_index(sandbox, complaint=complaint), status=400)
    return Redirect("/", status_code=303)


@post("/faults/{fault_id:int}/off")
async def switch_off(sandbox: TheSandbox, fault_id: FromPath[int]) -> Redirect:
    """Switch a fault off."""
    sandbox.faults.switch_off(fault_id)
    return Redirect("/", status_code=303)


def page_router() -> Router:
    """Return the pages."""
    return Router(
        "/",
        route_handlers=[show_index, show_payment_page, choose, switch_on, switch_off],
        exception_handlers={PageNotFoundError: _not_found},
    )


def _draw_index(sandbox: Sandbox, complaint: str = "") -> str:
    payments = [payment for payment, _ in zip(sandbox.book.all(), range(_SHOWN_PAYMENTS), strict=False)]
    return draw_index_page(payments, sandbox.faults.all(), complaint=complaint)


def _read_fault(form: dict[str, str]) -> FaultOrder:
    return FaultOrder(
        kind=FaultKind(form.get("kind", "")),
        operation=Operation(form["operation"]) if form.get("operation") else None,
        reference_prefix=form.get("reference_prefix", ""),
        count=_read_number(form, "count", "Quantas vezes", 1, 1_000_000),
        delay_ms=_read_number(form, "delay_ms", "Milissegundos", 0, 600_000),
        status=_read_number(form, "status", "Status HTTP", 400, 599),
    )


def _read_number(form: dict[str, str], name: str, label: str, lowest: int, highest: int) -> int | None:
    text = form.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(highest))):
        raise ValueError(f"{label}: não é um número")
    number = int(text)
    if not lowest <= number <= highest:
        raise ValueError(f"{label}: de {lowest} a {highest}")
    return number


def _not_found(_: AnyRequest, __: PageNotFoundError) -> Response[bytes]:
    title, text = (
        "Pagamento não encontrado",
        "Este pagamento não existe ou o ambiente de testes foi reiniciado.",
    )
    return _page(draw_message_page(title, text), status=404)


def _page(html: str, status: int = 200) -> Response[bytes]:
    return Response(html.encode(), status_code=status, media_type="text/html", headers=_HEADERS)
