"""What all pages share: the frame, the style, and how a Brazilian reads money, moments and states."""

from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template

from autodeal_devstack.sandbox.issue_payment import BRASILIA
from autodeal_devstack.sandbox.payment import Method, Payment, Status

_PAGES = files("autodeal_devstack.sandbox") / "pages"
_STATUS_NAMES = {
    Status.PENDING: ("Aguardando pagamento", "waiting"),
    Status.IN_PROCESS: ("Em análise", "waiting"),
    Status.AUTHORIZED: ("Autorizado", "waiting"),
    Status.APPROVED: ("Pago", "good"),
    Status.REJECTED: ("Recusado", "bad"),
    Status.CANCELLED: ("Cancelado", "over"),
    Status.REFUNDED: ("Devolvido", "over"),
    Status.CHARGED_BACK: ("Contestado", "bad"),
}
_METHOD_NAMES = {Method.PIX: "Pix", Method.BOLETO: "Boleto", Method.CARD: "Cartão"}


def load_template(name: str) -> Template:
    """Return a page's template, whose `$names` are filled with text that is HTML already."""
    return Template((_PAGES / name).read_text(encoding="utf-8"))


_LAYOUT, _MESSAGE = load_template("layout.html"), load_template("message.html")
_STYLE = (_PAGES / "style.css").read_text(encoding="utf-8")


def draw_layout(title: str, body: str, *, width: str = "narrow") -> str:
    """Put a body into the frame."""
    return _LAYOUT.substitute(title=escape(title), style=_STYLE, body=body, width=width)


def draw_message_page(title: str, text: str) -> str:
    """Draw a page that only says something."""
    return draw_layout(title, _MESSAGE.substitute(title=escape(title), text=escape(text)))


def draw_badge(payment: Payment) -> str:
    """Draw a payment's state as a coloured word."""
    name, tone = status_name(payment)
    return f'<span class="badge {tone}">{escape(name)}</span>'


def status_name(payment: Payment) -> tuple[str, str]:
    """Return how a payment's state is called, and its tone: waiting, good, bad or over."""
    if payment.status_detail == "expired":
        return "Expirado", "over"
    if payment.status_detail == "partially_refunded":
        return "Devolvido em parte", "good"
    return _STATUS_NAMES[payment.status]


def method_name(payment: Payment) -> str:
    """Return how people call the method."""
    return _METHOD_NAMES[payment.method]


def format_reais(cents: int) -> str:
    """Write an amount as `R$ 89.990,00`, kept on one line."""
    whole = f"{cents // 100:,}".replace(",", ".")
    return f"R$\N{NO-BREAK SPACE}{whole},{cents % 100:02d}"


def format_time(moment: datetime) -> str:
    """Write a moment in Brasília's time as `01/11/2026 às 10:30`."""
    return moment.astimezone(BRASILIA).strftime("%d/%m/%Y às %H:%M")
