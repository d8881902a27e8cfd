"""The first page: the latest payments, and the switches for faults."""

from collections.abc import Sequence
from html import escape

from autodeal_devstack.sandbox.control_messages import Fault, FaultKind, Operation
from autodeal_devstack.sandbox.page_layout import (
    draw_badge,
    draw_layout,
    format_reais,
    format_time,
    load_template,
    method_name,
)
from autodeal_devstack.sandbox.payment import Payment

_INDEX, _PAYMENT_ROW, _FAULT_ROW = (
    load_template(f"{name}.html") for name in ("index", "payment_row", "fault_row")
)
_KIND_NAMES = {
    FaultKind.DELAY: "resposta demorada",
    FaultKind.TIMEOUT_BEFORE_EFFECT: "sem resposta, sem efeito",
    FaultKind.TIMEOUT_AFTER_EFFECT: "sem resposta, com efeito",
    FaultKind.STATUS: "erro HTTP, sem efeito",
    FaultKind.STATUS_AFTER_EFFECT: "erro HTTP, com efeito",
    FaultKind.LOST: "notificação perdida",
    FaultKind.DUPLICATED: "notificação duplicada",
    FaultKind.LATE: "notificação ou busca atrasada",
    FaultKind.FORGED: "notificação forjada",
    FaultKind.REORDERED: "notificações fora de ordem",
}
_OPERATION_NAMES = {
    Operation.CREATE: "criar",
    Operation.GET: "consultar",
    Operation.SEARCH: "buscar",
    Operation.CANCEL: "cancelar",
    Operation.REFUND: "devolver",
    Operation.WEBHOOK: "notificar",
}


def draw_index_page(payments: Sequence[Payment], faults: Sequence[Fault], *, complaint: str = "") -> str:
    """Draw the page; `complaint` says what was wrong with the form that was sent."""
    body = _INDEX.substitute(
        payments="".join(_draw_payment(payment) for payment in payments) or _draw_nothing(),
        faults="".join(_draw_fault(fault) for fault in faults)
        or '<p class="quiet">Nenhuma falha ligada.</p>',
        kinds=_draw_options(_KIND_NAMES),
        operations=_draw_options(_OPERATION_NAMES),
        complaint=f'<p class="complaint" role="alert">{escape(complaint)}</p>' if complaint else "",
    )
    return draw_layout("Ambiente de testes", body, width="wide")


def _draw_nothing() -> str:
    return '<tr><td colspan="6" class="quiet">Nenhum pagamento ainda.</td></tr>'


def _draw_payment(payment: Payment) -> str:
    return _PAYMENT_ROW.substitute(
        id=payment.id,
        description=escape(payment.description or "Pagamento"),
        reference=escape(payment.external_reference or "–"),
        method=escape(method_name(payment)),
        amount=escape(format_reais(payment.amount_cents)),
        badge=draw_badge(payment),
        created=escape(format_time(payment.created_at)),
    )


def _draw_fault(fault: Fault) -> str:
    order = fault.order
    operation = "todas as chamadas" if order.operation is None else _OPERATION_NAMES[order.operation]
    details = [operation]
    if order.reference_prefix:
        details.append(f"referência {order.reference_prefix}…")
    if order.delay_ms is not None:
        details.append(f"{order.delay_ms} ms")
    if order.status is not None:
        details.append(f"HTTP {order.status}")
    details.append("até desligar" if fault.remaining is None else f"mais {fault.remaining}×")
    return _FAULT_ROW.substitute(
        id=fault.id, kind=escape(_KIND_NAMES[order.kind]), details=escape(" · ".join(details))
    )


def _draw_options(names: dict[FaultKind, str] | dict[Operation, str]) -> str:
    return "".join(f'<option value="{value}">{escape(name)}</option>' for value, name in names.items())
