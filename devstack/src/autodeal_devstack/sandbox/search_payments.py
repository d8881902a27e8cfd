"""`GET /v1/payments/search`: filters, range, order and page over the payments."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from autodeal_devstack.sandbox.payment import Payment
from autodeal_devstack.sandbox.payment_book import PaymentBook
from autodeal_devstack.sandbox.present_payment import present_search
from autodeal_devstack.sandbox.provider_errors import bad_request

_MOMENTS = {"date_created": "created_at", "date_last_updated": "updated_at", "date_approved": "approved_at"}
_RELATIVE = re.compile(r"NOW(?:-(\d{1,4})(DAYS|MONTHS|HOURS))?")
_UNITS = {"HOURS": timedelta(hours=1), "DAYS": timedelta(days=1), "MONTHS": timedelta(days=30)}
_USUAL_LIMIT, _HIGHEST_LIMIT = 30, 1000


def search_payments(
    book: PaymentBook, params: Mapping[str, str], *, now: datetime, hidden: timedelta, public_url: str
) -> dict[str, Any]:
    """Return the page asked for. Payments younger than `hidden` are not found yet, as behind a slow index."""
    limit = _read_number(params, "limit", _USUAL_LIMIT)
    offset = _read_number(params, "offset", 0)
    found = [
        payment
        for payment in book.all(params.get("external_reference"))
        if params.get("status") in {None, payment.status} and payment.created_at <= now - hidden
    ]
    found = _sorted(_in_range(found, params, now), params)
    return present_search(
        found[offset : offset + min(limit, _HIGHEST_LIMIT)],
        total=len(found),
        limit=limit,
        offset=offset,
        public_url=public_url,
    )


def _in_range(payments: Iterable[Payment], params: Mapping[str, str], now: datetime) -> list[Payment]:
    field = params.get("range")
    if field is None:
        return list(payments)
    attribute = _MOMENTS.get(field)
    if attribute is None:
        raise bad_request(1, "Params Error: range")
    begin = _read_moment(params.get("begin_date", "NOW-12MONTHS"), now)
    end = _read_moment(params.get("end_date", "NOW"), now)
    return [
        payment
        for payment in payments
        if (moment := getattr(payment, attribute)) is not None and begin <= moment <= end
    ]


def _sorted(payments: list[Payment], params: Mapping[str, str]) -> list[Payment]:
    field, criteria = params.get("sort", "date_created"), params.get("criteria", "desc")
    attribute = _MOMENTS.get(field, "id" if field == "id" else "")
    if not attribute or criteria not in {"asc", "desc"}:
        raise bad_request(1, "Params Error: sort")

    def order(payment: Payment) -> tuple[bool, Any, int]:
        value = getattr(payment, attribute)
        return value is not None, value or 0, payment.id

    return sorted(payments, key=order, reverse=criteria == "desc")


def _read_moment(text: str, now: datetime) -> datetime:
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        count, unit = relative.groups()
        return now - int(count) * _UNITS[unit] if count else now
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise bad_request(1, "Params Error: begin_date or end_date") from None
    if moment.tzinfo is None:
        raise bad_request(1, "Params Error: begin_date and end_date need an offset")
    return moment


def _read_number(params: Mapping[str, str], name: str, usual: int) -> int:
    text = params.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):  # noqa: PLR2004 - far above any page
        raise bad_request(1, f"Params Error: {name}")
    return int(text)
