"""Mercado Pago's wire format, Payments API: what is sent and what of the answers is read.

Source: the provider's reference of `/v1/payments`; fields that are not listed are ignored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from autodeal_contracts.events.payment import PaymentInstructions
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_payment.app.ports.payer_directory import Payer
from autodeal_payment.app.ports.payment_provider import NewPayment
from autodeal_payment.domain.provider_payment import (
    ProviderPayment,
    ProviderRefund,
    ProviderStatus,
    RefundStatus,
)

log = structlog.get_logger(__name__)

_STATUSES = {
    "pending": ProviderStatus.PENDING,
    "in_process": ProviderStatus.PENDING,
    "authorized": ProviderStatus.PENDING,
    "in_mediation": ProviderStatus.PENDING,
    "approved": ProviderStatus.APPROVED,
    "rejected": ProviderStatus.REJECTED,
    "cancelled": ProviderStatus.CANCELLED,
    "canceled": ProviderStatus.CANCELLED,
    "refunded": ProviderStatus.REFUNDED,
    "charged_back": ProviderStatus.CHARGED_BACK,
}
_REFUND_STATUSES = {
    "approved": RefundStatus.APPROVED,
    "in_process": RefundStatus.IN_PROCESS,
    "pending": RefundStatus.IN_PROCESS,
    "authorized": RefundStatus.IN_PROCESS,
    "rejected": RefundStatus.REJECTED,
    "cancelled": RefundStatus.REJECTED,
    "canceled": RefundStatus.REJECTED,
}
_WEIGHT = {
    ProviderStatus.APPROVED: 0,
    ProviderStatus.CHARGED_BACK: 1,
    ProviderStatus.REFUNDED: 2,
    ProviderStatus.PENDING: 3,
}
"""Which of several payments with one reference matters most: where money was taken, then where it may be."""


class _TransactionData(msgspec.Struct, frozen=True):
    qr_code: str | None = None
    ticket_url: str | None = None


class _PointOfInteraction(msgspec.Struct, frozen=True):
    transaction_data: _TransactionData | None = None


class _TransactionDetails(msgspec.Struct, frozen=True):
    external_resource_url: str | None = None
    digitable_line: str | None = None


class RefundMessage(msgspec.Struct, frozen=True):
    """A refund in an answer."""

    status: str = ""
    reason: str | None = None


class PaymentMessage(msgspec.Struct, frozen=True):
    """A payment in an answer."""

    id: int | str
    status: str
    transaction_amount: Decimal
    status_detail: str | None = None
    external_reference: str | None = None
    date_of_expiration: datetime | None = None
    refunds: list[RefundMessage] = msgspec.field(default_factory=list)
    point_of_interaction: _PointOfInteraction | None = None
    transaction_details: _TransactionDetails | None = None


class SearchMessage(msgspec.Struct, frozen=True):
    """The payments found."""

    results: list[PaymentMessage]


class _Cause(msgspec.Struct, frozen=True):
    code: int | str | None = None


class ErrorMessage(msgspec.Struct, frozen=True):
    """A refusal; its sentences are left out, since they may repeat what was sent."""

    error: str | None = None
    cause: list[_Cause] | None = None

    def word(self) -> str:
        """Return the reason as a machine-readable word."""
        code = next((cause.code for cause in self.cause or () if cause.code is not None), None)
        text = str(code if code is not None else self.error or "refused").lower()
        return "".join(letter if letter.isalnum() else "_" for letter in text if letter.isascii())[:64]


def write_payment(new: NewPayment, notification_url: str | None) -> bytes:
    """Write the body of a creation; the same for the same payment."""
    body: dict[str, Any] = {
        "transaction_amount": Decimal(new.amount_cents).scaleb(-2),
        "description": new.description,
        "external_reference": new.reference,
        "payer": _payer(new.payer, with_address=new.method is PaymentMethod.BOLETO),
    }
    if notification_url is not None:
        body["notification_url"] = notification_url
    if new.card is None:
        body["payment_method_id"] = "bolbradesco" if new.method is PaymentMethod.BOLETO else "pix"
        body["date_of_expiration"] = new.expires_at.astimezone(UTC).isoformat(timespec="milliseconds")
    else:
        body["payment_method_id"] = new.card.payment_method_id
        body["token"] = new.card.token
        body["installments"] = new.card.installments
        if new.card.issuer_id is not None:
            body["issuer_id"] = new.card.issuer_id
    return _encode(body)


def read_payment(message: PaymentMessage) -> ProviderPayment:
    """Read a payment; a status that is not known counts as pending, so that it is asked about again.

    Raises ValueError for an amount that is no whole number of cents.
    """
    detail = message.status_detail or ""
    status = _STATUSES.get(message.status)
    if status is None:
        log.warning("provider.unknown_status", status=message.status)
        status = ProviderStatus.PENDING
    if status is ProviderStatus.CANCELLED and detail == "expired":
        status = ProviderStatus.EXPIRED
    cents = message.transaction_amount * 100
    if cents != cents.to_integral_value():
        raise ValueError("an amount with a fraction of a cent")
    return ProviderPayment(
        provider_id=str(message.id),
        reference=message.external_reference or "",
        status=status,
        detail=detail,
        amount_cents=int(cents),
        instructions=_instructions(message),
        expires_at=message.date_of_expiration,
        refund=_refund_status(message.refunds),
    )


def read_refund(message: RefundMessage) -> ProviderRefund:
    """Read a refund; a status that is not known counts as under way."""
    status = _REFUND_STATUSES.get(message.status, RefundStatus.IN_PROCESS)
    return ProviderRefund(status=status, reason="refund_rejected" if status is RefundStatus.REJECTED else "")


def weightiest(payments: list[ProviderPayment]) -> ProviderPayment | None:
    """Return the payment that matters most; None of none."""
    return min(payments, key=lambda each: _WEIGHT.get(each.status, len(_WEIGHT)), default=None)


def _payer(payer: Payer, *, with_address: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "email": payer.email,
        "first_name": payer.first_name,
        "last_name": payer.last_name,
        "identification": {"type": "CPF", "number": payer.cpf},
    }
    if with_address:
        address = payer.address
        told["address"] = {
            "zip_code": address.zip_code,
            "street_name": address.street,
            "street_number": address.number,
            "neighborhood": address.neighborhood,
            "city": address.city,
            "federal_unit": address.state,
        }
    return told


def _instructions(message: PaymentMessage) -> PaymentInstructions:
    place = message.point_of_interaction
    data = place.transaction_data if place is not None and place.transaction_data else _TransactionData()
    details = message.transaction_details or _TransactionDetails()
    return PaymentInstructions(
        pix_code=data.qr_code,
        boleto_line=details.digitable_line,
        url=data.ticket_url or details.external_resource_url,
    )


def _refund_status(refunds: list[RefundMessage]) -> RefundStatus | None:
    found = [_REFUND_STATUSES.get(refund.status, RefundStatus.IN_PROCESS) for refund in refunds]
    if RefundStatus.IN_PROCESS in found:
        return RefundStatus.IN_PROCESS
    return found[-1] if found else None


_encode = msgspec.json.Encoder(decimal_format="number").encode
read_payment_message = msgspec.json.Decoder(PaymentMessage, float_hook=Decimal).decode
read_search_message = msgspec.json.Decoder(SearchMessage, float_hook=Decimal).decode
read_refund_message = msgspec.json.Decoder(RefundMessage, float_hook=Decimal).decode
read_error_message = msgspec.json.Decoder(ErrorMessage).decode
