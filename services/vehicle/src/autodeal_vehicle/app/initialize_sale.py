"""A buyer reserves a vehicle: the first step of the saga, and the one that many make at once.

Three moves: look up, decide, commit. The look-up locks nothing; the commit is one statement that takes
effect only if the vehicle still is what the decision was made on. So nobody waits for anybody, one of
many buyers wins, and a vehicle, its order, deadline, event and answer appear together or not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_platform.idempotency import StoredAnswer, replay_or_none
from autodeal_platform.json_codec import encode_json
from autodeal_vehicle.app.metrics import count_sale
from autodeal_vehicle.app.seal_events import seal_events
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import UnsafeRequest
from autodeal_vehicle.app.views import SaleStarted
from autodeal_vehicle.domain.errors import VehicleNotAvailableError, VehicleNotFoundError
from autodeal_vehicle.domain.order import Change
from autodeal_vehicle.domain.reserve_vehicle import reserve_vehicle
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines
from autodeal_vehicle.domain.vehicle import Vehicle

ATTEMPTS = 3
"""How often the decision is made anew when the vehicle changed under it, as by an edit of its price."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleProspect:
    """What there is to decide on."""

    vehicle: Vehicle | None
    stored: StoredAnswer | None
    """What the caller's key was answered before, if it was."""
    order_id: int
    """Drawn for this sale and used by no other; a number that is not used leaves a gap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedSale:
    """A decision, with everything that must be stored together."""

    vehicle: Vehicle
    """As it was when the decision was made."""
    change: Change
    envelope: Envelope
    request: UnsafeRequest
    answer: StoredAnswer
    now: datetime


class SaleDesk(Protocol):
    """Where sales begin; each method is one round trip and one transaction."""

    async def look_up(self, vehicle_id: int, request: UnsafeRequest) -> SaleProspect:
        """Return the vehicle, what the caller's key was answered before, and a fresh order id."""
        ...

    async def commit(self, sale: PreparedSale) -> bool:
        """Store all of a sale, or nothing.

        False when the vehicle is not in the decided-on version any more, or the key was just answered.
        Raises StoreUnavailableError when it cannot tell; the key does, when the buyer asks again.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class InitializeSaleCommand:
    """What the buyer wants."""

    vehicle_id: int
    payment_method: PaymentMethod
    request: UnsafeRequest


@dataclass(frozen=True)
class InitializeSale:
    """Reserves a vehicle for one of all the buyers who want it."""

    desk: SaleDesk
    deadlines: SaleDeadlines
    surroundings: Surroundings

    async def __call__(self, command: InitializeSaleCommand) -> StoredAnswer:
        """Return the answer of the sale, new or repeated.

        Raises VehicleNotFoundError, VehicleNotAvailableError and IdempotencyKeyReusedError.
        """
        for _ in range(ATTEMPTS):
            prospect = await self.desk.look_up(command.vehicle_id, command.request)
            stored = replay_or_none(prospect.stored, command.request.fingerprint)
            if stored is not None:
                return stored
            sale = self._decide(command, prospect)
            if await self.desk.commit(sale):
                count_sale(sale.change)
                self.surroundings.bell.sale_begun(sale.change.order.id)
                return sale.answer
            # Somebody was faster: the next look tells whether it was this very request sent twice, a
            # buyer who has the vehicle now, or an edit that leaves it for sale.
        raise VehicleNotAvailableError(command.vehicle_id)

    def _decide(self, command: InitializeSaleCommand, prospect: SaleProspect) -> PreparedSale:
        if prospect.vehicle is None:
            raise VehicleNotFoundError(command.vehicle_id)
        now = self.surroundings.clock()
        change = reserve_vehicle(
            prospect.vehicle,
            order_id=prospect.order_id,
            buyer_id=command.request.caller,
            payment_method=command.payment_method,
            expires_at=self.deadlines.expiry(command.payment_method, now),
            idempotency_key_digest=hashlib.sha256(command.request.key.encode()).hexdigest(),
            now=now,
        )
        (envelope,) = seal_events(change, now, self.surroundings)
        answer = SaleStarted(
            message="The vehicle is reserved; pay before the deadline.",
            idempotency_key=command.request.key,
            order_id=change.order.id,
            expires_at=change.order.expires_at,
        )
        return PreparedSale(
            vehicle=prospect.vehicle,
            change=change,
            envelope=envelope,
            request=command.request,
            answer=StoredAnswer(
                fingerprint=command.request.fingerprint,
                status=command.request.success_status,
                body=encode_json(answer),
            ),
            now=now,
        )
