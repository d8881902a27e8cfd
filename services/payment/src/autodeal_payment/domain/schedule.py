"""When the provider is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_LARGEST_POWER = 20
"""Doubling stops to matter long before this; it keeps the numbers small."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Every waiting time of the paying half of the saga."""

    first_check: timedelta = timedelta(seconds=60)
    """A waiting payment is asked about this long after it was made, then at doubling intervals."""
    max_interval: timedelta = timedelta(seconds=900)
    """No interval grows beyond this."""
    deadline_margin: timedelta = timedelta(seconds=30)
    """One question is asked this long before the deadline, so that a lost webhook costs no sale."""
    unknown_retry: timedelta = timedelta(seconds=2)
    """The first pause after calls that were not answered; it doubles."""
    refund_retry: timedelta = timedelta(seconds=60)
    """The first pause after a refund was refused; it doubles."""
    refund_limit: int = 8
    """So many refusals in a row, and the refund waits for a person."""
    resume_after: timedelta = timedelta(seconds=5)
    """A step that a crash left undone is taken up again after this."""
    in_flight: timedelta = timedelta(seconds=20)
    """For so long a call that nobody reported on may still be under way."""
    late_effect: timedelta = timedelta(seconds=120)
    """A payment that ended without the provider's word is looked up once more after this."""
    key_life: timedelta = timedelta(hours=23)
    """The provider forgets an idempotency key after 24 hours: later, nothing is created any more."""
    attempt_limit: int = 20
    """So many payments may be tried for one order."""

    def back_off(self, tries: int, retry_after: timedelta | None = None) -> timedelta:
        """Return the pause after so many unanswered calls; never less than the provider asked for."""
        pause = self._doubled(self.unknown_retry, tries - 1)
        return pause if retry_after is None else max(pause, min(retry_after, self.max_interval))

    def refund_pause(self, failures: int) -> timedelta:
        """Return the pause after so many refused refunds in a row."""
        return self._doubled(self.refund_retry, failures - 1)

    def next_check(self, *, checks: int, expires_at: datetime, now: datetime) -> datetime:
        """Return when to ask about a waiting payment that was asked about so many times."""
        regular = now + self._doubled(self.first_check, checks)
        last_chance = expires_at - self.deadline_margin
        return min(regular, last_chance) if now < last_chance else regular

    def _doubled(self, first: timedelta, times: int) -> timedelta:
        factor: int = 1 << min(max(times, 0), _LARGEST_POWER)
        return min(first * factor, self.max_interval)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The time at which something is decided, and the waiting times that hold."""

    now: datetime
    schedule: Schedule
