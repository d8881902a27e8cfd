"""A checked request becomes a payment: its Pix code, its boleto or the outcome of its card token."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from autodeal_devstack.sandbox.boleto_code import BoletoCode, due_date_factor
from autodeal_devstack.sandbox.create_request import CreateRequest, method_of, read_expiration
from autodeal_devstack.sandbox.draw_codes import qr_png_base64
from autodeal_devstack.sandbox.payment import Method, Payment, Status
from autodeal_devstack.sandbox.pix_code import PixCode, plain_text
from autodeal_devstack.sandbox.provider_errors import bad_request
from autodeal_platform.json_codec import encode_json
from autodeal_platform.money import cents_from_decimal

CARD_OUTCOMES: dict[str, tuple[Status, str]] = {
    "APRO": (Status.APPROVED, "accredited"),
    "CONT": (Status.IN_PROCESS, "pending_contingency"),
    "REVI": (Status.IN_PROCESS, "pending_review_manual"),
    "OTHE": (Status.REJECTED, "cc_rejected_other_reason"),
    "CALL": (Status.REJECTED, "cc_rejected_call_for_authorize"),
    "FUND": (Status.REJECTED, "cc_rejected_insufficient_amount"),
    "SECU": (Status.REJECTED, "cc_rejected_bad_filled_security_code"),
    "EXPI": (Status.REJECTED, "cc_rejected_bad_filled_date"),
    "FORM": (Status.REJECTED, "cc_rejected_bad_filled_other"),
    "CARD": (Status.REJECTED, "cc_rejected_bad_filled_card_number"),
    "INST": (Status.REJECTED, "cc_rejected_invalid_installments"),
    "DUPL": (Status.REJECTED, "cc_rejected_duplicated_payment"),
    "LOCK": (Status.REJECTED, "cc_rejected_card_disabled"),
    "ATTE": (Status.REJECTED, "cc_rejected_max_attempts"),
    "BLAC": (Status.REJECTED, "cc_rejected_blacklist"),
    "RISK": (Status.REJECTED, "cc_rejected_high_risk"),
}
"""What becomes of a card token: its first four letters decide, so `APRO` and `APRO-7` are both approved."""

BRASILIA = timezone(timedelta(hours=-3))
"""Dates that people read are those of Brasília, which has had no summer time since 2019."""

_PIX_LIVES, _BOLETO_LIVES = timedelta(hours=24), timedelta(days=3)
_BRADESCO = "237"
_AGENCY, _WALLET, _ACCOUNT = "3381", "26", "0009721"
_PIX_KEY = "b76aa9c2-2ec4-4110-954e-ebfe34f05b61"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingRules:
    """What may differ between sandboxes."""

    merchant_name: str
    merchant_city: str
    pix_minimum_expiration: timedelta
    draw_pix_image: bool


def issue_payment(request: CreateRequest, *, payment_id: int, now: datetime, rules: IssuingRules) -> Payment:
    """Return the new payment; 400 for an expiration out of range or an unknown card token."""
    method = method_of(request)
    status, detail = _first_status(request, method)
    amount_cents = cents_from_decimal(request.transaction_amount)
    expires_at = _expiration(request, method, now, rules)
    pix_code = _pix_code(request, payment_id, amount_cents, rules) if method is Method.PIX else ""
    boleto = None
    if method is Method.BOLETO and expires_at is not None:
        boleto = _boleto(payment_id, amount_cents, expires_at)
    return Payment(
        id=payment_id,
        method=method,
        payment_method_id=request.payment_method_id,
        amount_cents=amount_cents,
        status=status,
        status_detail=detail,
        created_at=now,
        updated_at=now,
        expires_at=expires_at,
        approved_at=now if status is Status.APPROVED else None,
        external_reference=request.external_reference,
        description=request.description or "",
        installments=request.installments or 1,
        captured=request.capture is not False,
        notification_url=request.notification_url,
        metadata=encode_json(request.metadata or {}),
        pix_code=pix_code,
        pix_image=qr_png_base64(pix_code) if pix_code and rules.draw_pix_image else "",
        boleto=boleto,
    )


def _first_status(request: CreateRequest, method: Method) -> tuple[Status, str]:
    if method is Method.PIX:
        return Status.PENDING, "pending_waiting_transfer"
    if method is Method.BOLETO:
        return Status.PENDING, "pending_waiting_payment"
    if not request.token:
        raise bad_request(3003, "Invalid card_token_id")
    outcome = CARD_OUTCOMES.get(request.token[:4].upper())
    if outcome is None:
        raise bad_request(2006, "Card Token not found")
    status, detail = outcome
    if request.binary_mode and status is Status.IN_PROCESS:
        return Status.REJECTED, "cc_rejected_other_reason"
    if request.capture is False and status is Status.APPROVED:
        return Status.AUTHORIZED, "pending_capture"
    return status, detail


def _expiration(
    request: CreateRequest, method: Method, now: datetime, rules: IssuingRules
) -> datetime | None:
    if method is Method.CARD:
        return None
    minimum = rules.pix_minimum_expiration if method is Method.PIX else timedelta()
    if request.date_of_expiration is not None:
        return read_expiration(request.date_of_expiration, now, minimum)
    return now + (_PIX_LIVES if method is Method.PIX else _BOLETO_LIVES)


def _pix_code(request: CreateRequest, payment_id: int, amount_cents: int, rules: IssuingRules) -> str:
    return PixCode(
        key=_PIX_KEY,
        merchant_name=plain_text(rules.merchant_name, 25),
        merchant_city=plain_text(rules.merchant_city, 15),
        amount_cents=amount_cents,
        transaction_id=f"mpqrinter{payment_id}",
        # The description shares a field of 99 characters with the Pix key.
        description=plain_text(request.description or "", 30),
    ).encode()


def _boleto(payment_id: int, amount_cents: int, expires_at: datetime) -> BoletoCode:
    title = f"{payment_id % 10**11:011d}"
    return BoletoCode(
        bank=_BRADESCO,
        due_date_factor=due_date_factor(expires_at.astimezone(BRASILIA).date()),
        amount_cents=amount_cents,
        free_field=f"{_AGENCY}{_WALLET}{title}{_ACCOUNT}0",
    )
