"""The page of one payment: Pix with its QR code, boleto with its bars and line, a card with its outcome."""

from html import escape

from autodeal_devstack.sandbox.boleto_code import format_line
from autodeal_devstack.sandbox.draw_codes import boleto_svg, qr_svg
from autodeal_devstack.sandbox.page_layout import (
    draw_badge,
    draw_layout,
    format_reais,
    format_time,
    load_template,
    method_name,
    status_name,
)
from autodeal_devstack.sandbox.payment import OPEN_STATUSES, Method, Payment, Status

_PAY, _PIX, _BOLETO, _CHOICES, _RESULT = (
    load_template(f"{name}.html") for name in ("pay", "pix", "boleto", "choices", "result")
)
_RESULTS = {
    "waiting": ("…", "O pagamento está em análise."),
    "good": ("✓", "Pagamento confirmado. Você já pode fechar esta página."),
    "bad": ("✕", "O pagamento não foi concluído."),
    "over": ("–", "Este pagamento foi encerrado."),
}
_RESULT_BY_STATUS = {
    Status.REJECTED: "O pagamento foi recusado. Nenhum valor foi cobrado.",
    Status.CANCELLED: "Este pagamento foi cancelado e não pode mais ser pago.",
    Status.REFUNDED: "O valor foi devolvido a quem pagou.",
    Status.CHARGED_BACK: "O valor foi contestado por quem pagou.",
}


def draw_pay_page(payment: Payment, *, merchant: str) -> str:
    """Draw the page; the buttons are there only while the payment is open."""
    is_open = payment.status in OPEN_STATUSES
    code = _draw_code(payment) if payment.status is Status.PENDING else _draw_result(payment)
    body = _PAY.substitute(
        method=escape(method_name(payment)),
        badge=draw_badge(payment),
        amount=escape(format_reais(payment.amount_cents)),
        description=escape(payment.description or "Pagamento"),
        merchant=escape(merchant),
        code=code,
        choices=_CHOICES.substitute(id=payment.id) if is_open else "",
        facts=_draw_facts(payment),
    )
    title = f"{method_name(payment)} · {format_reais(payment.amount_cents)}"
    return draw_layout(title, body, width="medium" if payment.method is Method.BOLETO else "narrow")


def _draw_code(payment: Payment) -> str:
    if payment.method is Method.PIX:
        return _PIX.substitute(qr=qr_svg(payment.pix_code), code=escape(payment.pix_code))
    if payment.boleto is not None:
        line = format_line(payment.boleto.digitable_line())
        return _BOLETO.substitute(bars=boleto_svg(payment.boleto.barcode()), line=escape(line))
    return _draw_result(payment)


def _draw_result(payment: Payment) -> str:
    _, tone = status_name(payment)
    mark, text = _RESULTS[tone]
    text = _RESULT_BY_STATUS.get(payment.status, text)
    if payment.status_detail == "expired":
        text = "O prazo terminou antes do pagamento."
    return _RESULT.substitute(tone=tone, mark=mark, text=escape(text))


def _draw_facts(payment: Payment) -> str:
    facts = [("Número", str(payment.id))]
    if payment.external_reference:
        facts.append(("Referência", payment.external_reference))
    facts.append(("Criado em", format_time(payment.created_at)))
    if payment.expires_at is not None and payment.approved_at is None:
        facts.append(("Vence em", format_time(payment.expires_at)))
    if payment.approved_at is not None:
        facts.append(("Pago em", format_time(payment.approved_at)))
    if payment.refunded_cents:
        facts.append(("Devolvido", format_reais(payment.refunded_cents)))
    facts.append(("Situação", f"{payment.status} / {payment.status_detail}"))
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
