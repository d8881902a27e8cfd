"""What every use case takes from outside: time, ids, and somebody to tell after a commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from autodeal_vehicle.domain.order import Alarm


class Bell(Protocol):
    """Rung after a commit. A ring may be lost: whoever listens also looks by itself now and then."""

    def sale_begun(self, order_id: int) -> None:
        """Tell that the outbox has something new; nobody can be watching this order yet."""
        ...

    def order_changed(self, order_id: int) -> None:
        """Tell that the outbox may have something new and that the order's timeline grew."""
        ...


class Alarms(Protocol):
    """Calls for a person."""

    def raise_alarm(self, alarm: Alarm, order_id: int) -> None:
        """Make sure somebody sees it."""
        ...


def read_clock() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id that nobody else has."""
    return str(uuid4())


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Handed to every use case by `bootstrap`; tests hand in their own."""

    bell: Bell
    alarms: Alarms
    clock: Callable[[], datetime] = read_clock
    new_id: Callable[[], str] = new_id
