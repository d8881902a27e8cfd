"""Payments and refunds as the provider's JSON: exact amounts, moments with an offset."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from autodeal_devstack.sandbox.control_messages import PaymentSummary
from autodeal_devstack.sandbox.issue_payment import BRASILIA
from autodeal_devstack.sandbox.payment import Method, Payment, Refund, Status
from autodeal_platform.money import decimal_from_cents

_PAYMENT_TYPES = {Method.PIX: "bank_transfer", Method.BOLETO: "ticket", Method.CARD: "credit_card"}


def format_moment(moment: datetime | None) -> str | None:
    """Write a moment as `yyyy-MM-dd'T'HH:mm:ss.SSSZ`."""
    return None if moment is None else moment.astimezone(BRASILIA).isoformat(timespec="milliseconds")


def page_url(payment: Payment, public_url: str) -> str:
    """Return the address of the page where a person pays."""
    return f"{public_url}/pay/{payment.id}"


def present_payment(payment: Payment, public_url: str) -> dict[str, Any]:
    """Return the JSON object of a payment."""
    document: dict[str, Any] = {
        "id": payment.id,
        "date_created": format_moment(payment.created_at),
        "date_approved": format_moment(payment.approved_at),
        "date_last_updated": format_moment(payment.updated_at),
        "date_of_expiration": format_moment(payment.expires_at),
        "money_release_date": None,
        "operation_type": "regular_payment",
        "payment_method_id": payment.payment_method_id,
        "payment_type_id": _PAYMENT_TYPES[payment.method],
        "status": payment.status,
        "status_detail": payment.status_detail,
        "currency_id": "BRL",
        "description": payment.description,
        "live_mode": False,
        "external_reference": payment.external_reference,
        "transaction_amount": decimal_from_cents(payment.amount_cents),
        "transaction_amount_refunded": decimal_from_cents(payment.refunded_cents),
        "installments": payment.installments,
        "captured": payment.captured and payment.status is not Status.AUTHORIZED,
        "binary_mode": False,
        "notification_url": payment.notification_url,
        "metadata": msgspec.Raw(payment.metadata),
        "refunds": present_refunds(payment),
        "payer": {"type": "guest", "id": None},
        "transaction_details": _transaction_details(payment, public_url),
        "point_of_interaction": {"type": "UNSPECIFIED"},
    }
    if payment.method is Method.PIX:
        document["point_of_interaction"] = {
            "type": "PIX",
            "transaction_data": {
                "qr_code": payment.pix_code,
                "qr_code_base64": payment.pix_image,
                "ticket_url": page_url(payment, public_url),
                "transaction_id": None,
            },
        }
    return document


def present_search(
    payments: Sequence[Payment], *, total: int, limit: int, offset: int, public_url: str
) -> dict[str, Any]:
    """Return one page of a search."""
    return {
        "paging": {"total": total, "limit": limit, "offset": offset},
        "results": [present_payment(payment, public_url) for payment in payments],
    }


def present_refund(payment: Payment, refund: Refund) -> dict[str, Any]:
    """Return the JSON object of a refund."""
    return {
        "id": refund.id,
        "payment_id": payment.id,
        "amount": decimal_from_cents(refund.amount_cents),
        "metadata": {},
        "source": {"id": "sandbox", "name": "AutoDeal", "type": "collector"},
        "date_created": format_moment(refund.created_at),
        "unique_sequence_number": None,
        "refund_mode": "standard",
        "adjustment_amount": 0,
        "status": refund.status,
        "reason": None,
    }


def present_refunds(payment: Payment) -> list[dict[str, Any]]:
    """Return all refunds of a payment, oldest first."""
    return [present_refund(payment, refund) for refund in payment.refunds]


def summarize_payment(payment: Payment, public_url: str) -> PaymentSummary:
    """Return a payment as the control interface tells it."""
    return PaymentSummary(
        id=payment.id,
        external_reference=payment.external_reference,
        method=payment.method,
        status=payment.status,
        status_detail=payment.status_detail,
        amount=decimal_from_cents(payment.amount_cents),
        refunded_amount=decimal_from_cents(payment.refunded_cents),
        url=page_url(payment, public_url),
        created_at=payment.created_at,
        updated_at=payment.updated_at,
        expires_at=payment.expires_at,
    )


def _transaction_details(payment: Payment, public_url: str) -> dict[str, Any]:
    paid_cents = payment.amount_cents if payment.approved_at else 0
    details: dict[str, Any] = {
        "total_paid_amount": decimal_from_cents(paid_cents),
        "net_received_amount": decimal_from_cents(paid_cents),
        "overpaid_amount": decimal_from_cents(0),
        "installment_amount": decimal_from_cents(0),
        "external_resource_url": None,
        "financial_institution": None,
    }
    if payment.boleto is not None:
        details |= {
            "external_resource_url": page_url(payment, public_url),
            "barcode": {"content": payment.boleto.barcode()},
            "digitable_line": payment.boleto.digitable_line(),
            "payment_method_reference_id": payment.boleto.free_field[6:17],
            "verification_code": payment.boleto.free_field[6:17],
        }
    return details
