"""How long a draft keeps its vehicle, and the days on which banks work."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_vehicle.domain.business_days import add_business_days, easter_sunday, is_business_day
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines

EASTERS = [date(2000, 4, 23), date(2008, 3, 23), date(2019, 4, 21), date(2024, 3, 31), date(2025, 4, 20)]


@pytest.mark.parametrize("easter", [*EASTERS, date(2026, 4, 5), date(2038, 4, 25), date(2285, 3, 22)])
def test_easter_is_found_when_the_year_is_known(easter: date) -> None:
    assert easter_sunday(easter.year) == easter


@pytest.mark.parametrize(
    "holiday",
    [
        date(2026, 2, 16),  # Carnival's Monday
        date(2026, 2, 17),  # Carnival's Tuesday
        date(2026, 4, 3),  # Good Friday
        date(2026, 4, 21),  # Tiradentes
        date(2026, 6, 4),  # Corpus Christi
        date(2026, 9, 7),  # Independence
        date(2026, 11, 20),  # Consciência Negra
        date(2026, 12, 25),
        date(2026, 3, 7),  # a Saturday
        date(2026, 3, 8),  # a Sunday
    ],
)
def test_banks_are_closed_when_it_is_a_holiday_or_weekend(holiday: date) -> None:
    assert not is_business_day(holiday)


def test_banks_work_when_carnival_is_over() -> None:
    assert is_business_day(date(2026, 2, 18))


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 3, 2), 3, date(2026, 3, 5)),
        (date(2026, 3, 5), 3, date(2026, 3, 10)),
        (date(2026, 2, 13), 1, date(2026, 2, 18)),
        (date(2025, 12, 31), 2, date(2026, 1, 5)),
    ],
)
def test_days_without_banks_are_skipped_when_counting(day: date, count: int, expected: date) -> None:
    assert add_business_days(day, count) == expected


def test_boleto_runs_to_the_end_of_its_last_day_when_reserved_late_in_brasilia() -> None:
    late_on_monday = datetime(2026, 3, 3, 1, 30, tzinfo=UTC)
    expiry = SaleDeadlines().expiry(PaymentMethod.BOLETO, late_on_monday)
    assert expiry == datetime(2026, 3, 6, 2, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(("method", "minutes"), [(PaymentMethod.PIX, 10), (PaymentMethod.CARD, 20)])
def test_deadline_is_the_methods_own_when_set(method: PaymentMethod, minutes: int) -> None:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    deadlines = SaleDeadlines(pix=timedelta(minutes=10), card=timedelta(minutes=20))
    assert deadlines.expiry(method, now) == now + timedelta(minutes=minutes)
