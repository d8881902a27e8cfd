"""From rows to the domain and back; the one place that knows which column holds which field."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from sqlalchemy import FromClause, Label

from autodeal_contracts.events.sale import CancelReason, PaymentMethod
from autodeal_contracts.saga import OrderState, PaymentState, VehicleState
from autodeal_vehicle.adapters.postgres.tables import VEHICLE, VEHICLE_BRAND, VEHICLE_SOLD
from autodeal_vehicle.domain.order import Order, OrderPayment, TimelineEntry
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails, search_key


class Row(Protocol):
    """A row by column name, SQLAlchemy's or the driver's own."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401  a column may hold anything
        """Return a column's value."""
        ...


def vehicle_columns(vehicle: FromClause = VEHICLE) -> list[Label[Any]]:
    """Return what `read_vehicle` reads, of the table or of a selection from it, joined with the brand."""
    return [
        *(vehicle.c[column.name].label(f"vehicle_{column.name}") for column in VEHICLE.columns),
        VEHICLE_BRAND.c.name.label("brand_name"),
    ]


def order_columns(order: FromClause = VEHICLE_SOLD) -> list[Label[Any]]:
    """Return what `read_order` reads, of the table or of a selection from it."""
    return [order.c[column.name].label(f"order_{column.name}") for column in VEHICLE_SOLD.columns]


def read_vehicle(row: Row) -> Vehicle:
    """Make a vehicle of a row of `vehicle_columns`."""
    return Vehicle(
        id=row["vehicle_id"],
        details=VehicleDetails(
            brand_name=row["brand_name"],
            model=row["vehicle_model"],
            year=row["vehicle_year"],
            color=row["vehicle_color"],
            price_cents=row["vehicle_price_cents"],
        ),
        status=VehicleState(row["vehicle_status"]),
        version=row["vehicle_version"],
        created_at=row["vehicle_created_at"],
        updated_at=row["vehicle_updated_at"],
    )


def vehicle_values(details: VehicleDetails) -> dict[str, Any]:
    """Return the columns that describe a vehicle, without its brand."""
    return {
        "model": details.model,
        "model_key": search_key(details.model),
        "year": details.year,
        "color": details.color,
        "color_key": search_key(details.color),
        "price_cents": details.price_cents,
    }


def read_order(row: Row) -> Order:
    """Make an order of a row of `order_columns`."""
    reason = row["order_cancel_reason"]
    return Order(
        id=row["order_id"],
        vehicle_id=row["order_vehicle_id"],
        buyer_id=row["order_buyer_id"],
        status=OrderState(row["order_status"]),
        price_cents=row["order_price_cents"],
        payment_method=PaymentMethod(row["order_payment_method"]),
        created_at=row["order_created_at"],
        expires_at=row["order_expires_at"],
        payment=_read_payment(row) if row["order_payment_id"] is not None else None,
        paid_by=row["order_paid_by"],
        charged_back=row["order_charged_back"],
        sold_at=row["order_sold_at"],
        picked_up_at=row["order_picked_up_at"],
        cancel_reason=CancelReason(reason) if reason is not None else None,
        event_sequence=row["order_event_sequence"],
        version=row["order_version"],
    )


def _read_payment(row: Row) -> OrderPayment:
    method = row["order_payment_method_used"]
    return OrderPayment(
        payment_id=row["order_payment_id"],
        attempt=row["order_payment_attempt"],
        status=PaymentState(row["order_payment_status"]),
        payment_method=PaymentMethod(method) if method is not None else None,
        pix_code=row["order_pix_code"],
        boleto_line=row["order_boleto_line"],
        url=row["order_payment_url"],
        expires_at=row["order_payment_expires_at"],
    )


def changing_order_values(order: Order) -> dict[str, Any]:
    """Return the columns that change after an order was made."""
    payment = order.payment
    return {
        "status": order.status.value,
        "payment_id": payment.payment_id if payment else None,
        "payment_attempt": payment.attempt if payment else None,
        "payment_status": payment.status.value if payment else None,
        "payment_method_used": payment.payment_method.value if payment and payment.payment_method else None,
        "pix_code": payment.pix_code if payment else None,
        "boleto_line": payment.boleto_line if payment else None,
        "payment_url": payment.url if payment else None,
        "payment_expires_at": payment.expires_at if payment else None,
        "paid_by": order.paid_by,
        "charged_back": order.charged_back,
        "sold_at": order.sold_at,
        "picked_up_at": order.picked_up_at,
        "cancel_reason": order.cancel_reason.value if order.cancel_reason else None,
        "event_sequence": order.event_sequence,
        "version": order.version,
    }


CHANGING_ORDER_COLUMNS = (
    "status",
    "payment_id",
    "payment_attempt",
    "payment_status",
    "payment_method_used",
    "pix_code",
    "boleto_line",
    "payment_url",
    "payment_expires_at",
    "paid_by",
    "charged_back",
    "sold_at",
    "picked_up_at",
    "cancel_reason",
    "event_sequence",
    "version",
)
"""The columns of `changing_order_values`."""

_timeline_decoder = msgspec.json.Decoder(list[TimelineEntry])
read_timeline = _timeline_decoder.decode
"""Make timeline entries of the text that `order_book` has the database aggregate."""
