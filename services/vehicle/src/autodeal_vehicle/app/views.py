"""What people see of vehicles and orders; the shapes of the public API, without a buyer's identity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import OrderState, PaymentState, VehicleState
from autodeal_platform.json_codec import ResponseBody
from autodeal_platform.money import decimal_from_cents
from autodeal_vehicle.domain.order import Order, OrderPayment, TimelineEntry
from autodeal_vehicle.domain.vehicle import Vehicle


class VehicleView(ResponseBody, frozen=True, kw_only=True):
    """A vehicle."""

    id: int
    brand_name: str
    model: str
    year: int
    color: str
    price: Decimal
    status: VehicleState
    created_at: datetime
    updated_at: datetime


class SaleSummary(ResponseBody, frozen=True, kw_only=True):
    """How a vehicle was sold; to whom is nobody's business."""

    order_id: int
    status: OrderState
    sold_date: datetime
    sold_price: Decimal


class SoldVehicleView(VehicleView, frozen=True, kw_only=True):
    """A sold vehicle."""

    sold: SaleSummary


class SaleStarted(ResponseBody, frozen=True, kw_only=True):
    """The answer to a buyer who reserved a vehicle."""

    message: str
    idempotency_key: str
    """Sent again with the same body, it gives this answer again."""
    order_id: int
    expires_at: datetime
    """Until then the vehicle waits for the payment."""


class TimelineEntryView(ResponseBody, frozen=True, kw_only=True):
    """One thing that happened to an order."""

    sequence: int
    at: datetime
    event: str
    detail: dict[str, Any]


class OrderPaymentView(ResponseBody, frozen=True, kw_only=True):
    """The latest payment of an order, and how to pay it."""

    payment_id: str
    payment_method: PaymentMethod | None
    status: PaymentState
    pix_code: str | None
    boleto_line: str | None
    url: str | None
    expires_at: datetime | None


class OrderView(ResponseBody, frozen=True, kw_only=True):
    """An order, as its buyer sees it."""

    id: int
    vehicle_id: int
    status: OrderState
    price: Decimal
    created_at: datetime
    expires_at: datetime
    payment: OrderPaymentView | None
    picked_up_at: datetime | None
    charged_back: bool
    timeline: list[TimelineEntryView]


def show_vehicle(vehicle: Vehicle) -> VehicleView:
    """Return what people see of a vehicle."""
    return VehicleView(**_vehicle_fields(vehicle))


def show_sold_vehicle(vehicle: Vehicle, order: Order) -> SoldVehicleView:
    """Return what people see of a vehicle and the order that bought it."""
    sold = SaleSummary(
        order_id=order.id,
        status=order.status,
        sold_date=order.sold_at or order.created_at,
        sold_price=decimal_from_cents(order.price_cents),
    )
    return SoldVehicleView(**_vehicle_fields(vehicle), sold=sold)


def _vehicle_fields(vehicle: Vehicle) -> dict[str, Any]:
    details = vehicle.details
    return {
        "id": vehicle.id,
        "brand_name": details.brand_name,
        "model": details.model,
        "year": details.year,
        "color": details.color,
        "price": decimal_from_cents(details.price_cents),
        "status": vehicle.status,
        "created_at": vehicle.created_at,
        "updated_at": vehicle.updated_at,
    }


def show_order(order: Order, timeline: Sequence[TimelineEntry]) -> OrderView:
    """Return what the buyer sees of an order."""
    return OrderView(
        id=order.id,
        vehicle_id=order.vehicle_id,
        status=order.status,
        price=decimal_from_cents(order.price_cents),
        created_at=order.created_at,
        expires_at=order.expires_at,
        payment=_show_payment(order.payment) if order.payment is not None else None,
        picked_up_at=order.picked_up_at,
        charged_back=order.charged_back,
        timeline=[show_entry(entry) for entry in timeline],
    )


def _show_payment(payment: OrderPayment) -> OrderPaymentView:
    return OrderPaymentView(
        payment_id=payment.payment_id,
        payment_method=payment.payment_method,
        status=payment.status,
        pix_code=payment.pix_code,
        boleto_line=payment.boleto_line,
        url=payment.url,
        expires_at=payment.expires_at,
    )


def show_entry(entry: TimelineEntry) -> TimelineEntryView:
    """Return what the buyer sees of a timeline entry."""
    return TimelineEntryView(
        sequence=entry.sequence, at=entry.at, event=entry.event, detail=dict(entry.detail)
    )
