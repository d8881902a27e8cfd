"""The tables and the indexes that serve each list. Migrations build the same; a test compares them.

Predicates of partial indexes are written as literals, here and in queries: PostgreSQL uses such an
index only when it sees, while it plans, that the query asks for no other rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB

from autodeal_contracts.saga import OrderState, VehicleState
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.schema import define_deadlines, define_inbox, define_outbox
from autodeal_vehicle.domain.order import CLAIMING_STATES, PAID_STATES
from autodeal_vehicle.domain.vehicle import FIRST_YEAR, MAX_PRICE_CENTS

METADATA = MetaData()


def _quoted(states: Iterable[str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _one_of(column: str, states: Iterable[str]) -> ColumnElement[bool]:
    return literal_column(f"{column} IN ({_quoted(states)})")


def _moment(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


IS_FOR_SALE: ColumnElement[bool] = literal_column("vehicle.status = 'available'")
IS_CLAIMING = _one_of("vehicle_sold.status", CLAIMING_STATES)
IS_PAID = _one_of("vehicle_sold.status", PAID_STATES)
_FOR_SALE_INDEX: ColumnElement[bool] = literal_column("status = 'available'")
_PAID_INDEX = _one_of("status", PAID_STATES)

ORDER_ID = Sequence("order_id", metadata=METADATA, data_type=BigInteger, cache=1)
"""Drawn by the look-up of a sale, so that the order's number is known before it is written."""

VEHICLE_BRAND = Table(
    "vehicle_brand",
    METADATA,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True, comment="the name as it is compared"),
)

VEHICLE = Table(
    "vehicle",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("brand_id", Integer, ForeignKey("vehicle_brand.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("model_key", Text, nullable=False, comment="the model as it is compared"),
    Column("year", Integer, nullable=False),
    Column("color", Text, nullable=False),
    Column("color_key", Text, nullable=False, comment="the color as it is compared"),
    Column("price_cents", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    CheckConstraint(f"status IN ({_quoted(VehicleState)})", name="vehicle_status_known"),
    CheckConstraint(f"year >= {FIRST_YEAR}", name="vehicle_year_possible"),
    CheckConstraint(f"price_cents BETWEEN 1 AND {MAX_PRICE_CENTS}", name="vehicle_price_possible"),
)
# Each list of vehicles for sale walks one of these from where the last page ended. The columns behind
# the id only sort out, inside the index, what the other filters do not want. Reserving a vehicle adds
# nothing to them, since the row leaves their predicate.
Index(
    "vehicle_for_sale",
    *(VEHICLE.c[name] for name in ("price_cents", "id", "year")),
    postgresql_where=_FOR_SALE_INDEX,
)
Index(
    "vehicle_for_sale_by_brand",
    *(VEHICLE.c[name] for name in ("brand_id", "price_cents", "id", "year", "color_key", "model_key")),
    postgresql_where=_FOR_SALE_INDEX,
)
Index(
    "vehicle_for_sale_by_model",
    *(VEHICLE.c[name] for name in ("model_key", "price_cents", "id", "year", "color_key", "brand_id")),
    postgresql_where=_FOR_SALE_INDEX,
)
Index(
    "vehicle_for_sale_by_color",
    *(VEHICLE.c[name] for name in ("color_key", "price_cents", "id", "year")),
    postgresql_where=_FOR_SALE_INDEX,
)
Index(
    "vehicle_for_sale_by_year",
    *(VEHICLE.c[name] for name in ("year", "price_cents", "id")),
    postgresql_where=_FOR_SALE_INDEX,
)

VEHICLE_SOLD = Table(
    "vehicle_sold",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("vehicle_id", BigInteger, ForeignKey("vehicle.id"), nullable=False),
    Column("buyer_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("payment_method", Text, nullable=False, comment="the method first chosen"),
    _moment("created_at"),
    _moment("expires_at"),
    Column("payment_id", Text, comment="the latest payment, shown to the buyer"),
    Column("payment_attempt", Integer),
    Column("payment_status", Text),
    Column("payment_method_used", Text),
    Column("pix_code", Text),
    Column("boleto_line", Text),
    Column("payment_url", Text),
    _moment("payment_expires_at", nullable=True),
    Column("paid_by", Text, comment="the payment that paid the order"),
    Column("charged_back", Boolean, nullable=False, server_default=literal_column("false")),
    _moment("sold_at", nullable=True),
    _moment("picked_up_at", nullable=True),
    Column("cancel_reason", Text),
    Column("event_sequence", Integer, nullable=False, comment="events published of this order"),
    Column("version", Integer, nullable=False, comment="entries in the timeline"),
    CheckConstraint(f"status IN ({_quoted(OrderState)})", name="vehicle_sold_status_known"),
)
# Invariant 1: whatever the code does, a vehicle never has two orders that claim it.
Index(
    "vehicle_sold_one_claim",
    VEHICLE_SOLD.c.vehicle_id,
    unique=True,
    postgresql_where=_one_of("status", CLAIMING_STATES),
)
Index("vehicle_sold_by_buyer", VEHICLE_SOLD.c.buyer_id, VEHICLE_SOLD.c.id)
Index("vehicle_sold_by_status", VEHICLE_SOLD.c.status, VEHICLE_SOLD.c.id)
Index(
    "vehicle_sold_by_price",
    VEHICLE_SOLD.c.price_cents,
    VEHICLE_SOLD.c.id,
    postgresql_where=_PAID_INDEX,
)
Index(
    "vehicle_sold_by_buyer_and_price",
    VEHICLE_SOLD.c.buyer_id,
    VEHICLE_SOLD.c.price_cents,
    VEHICLE_SOLD.c.id,
    postgresql_where=_PAID_INDEX,
)

ORDER_TIMELINE = Table(
    "order_timeline",
    METADATA,
    Column("order_id", BigInteger, ForeignKey("vehicle_sold.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    _moment("at"),
    Column("event", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    PrimaryKeyConstraint("order_id", "sequence"),
)

IDEMPOTENCY_ANSWER = Table(
    "idempotency_answer",
    METADATA,
    Column("key_digest", Text, primary_key=True, comment="SHA-256 of the key, scoped to its caller"),
    Column("fingerprint", Text, nullable=False, comment="SHA-256 of method, path and body"),
    Column("status", SmallInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _moment("created_at"),
    # Answers arrive in order of time, so a block range index costs nothing to write and serves the purge.
    Index("idempotency_answer_by_time", "created_at", postgresql_using="brin"),
)

OUTBOX = define_outbox(METADATA)
INBOX = define_inbox(METADATA)
DEADLINE = define_deadlines(METADATA)
PARKED_RECORD = define_parked_records(METADATA)
PARKING_AUDIT = define_parking_audit(METADATA)
