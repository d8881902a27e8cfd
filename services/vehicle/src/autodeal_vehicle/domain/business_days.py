"""The days on which Brazilian banks work, so that a boleto's deadline can count them.

Source: Resolução CMN 4.880/2020 (weekends, national holidays, Carnival's Monday and Tuesday, Good
Friday and Corpus Christi) and Lei 14.759/2023 (20 November).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

FIXED_HOLIDAYS = ((1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25))
"""National holidays as (month, day)."""
DAYS_FROM_EASTER = (-48, -47, -2, 60)
"""Carnival's Monday and Tuesday, Good Friday, Corpus Christi."""
SATURDAY = 5


def add_business_days(day: date, count: int) -> date:
    """Return the `count`-th business day after a day."""
    while count > 0:
        day += timedelta(days=1)
        if is_business_day(day):
            count -= 1
    return day


def is_business_day(day: date) -> bool:
    """Tell whether banks work on a day."""
    return day.weekday() < SATURDAY and day not in _bank_holidays(day.year)


@lru_cache(maxsize=16)
def _bank_holidays(year: int) -> frozenset[date]:
    easter = easter_sunday(year)
    fixed = {date(year, month, day) for month, day in FIXED_HOLIDAYS}
    return frozenset(fixed | {easter + timedelta(days=days) for days in DAYS_FROM_EASTER})


def easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar, after Butcher's algorithm."""
    golden, century, rest = year % 19, year // 100, year % 100
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)
