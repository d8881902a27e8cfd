"""What an ending needs to be played: people, a car of its own, the provider's page, and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from autodeal_devstack.demo.public_client import PublicClient, UnexpectedAnswerError

if TYPE_CHECKING:
    from autodeal_devstack.sandbox.client import SandboxControl

PATIENCE_SECONDS = 90.0
"""How long an ending waits for a step; steps take milliseconds, so this only ends a broken run."""

FINAL_STATES = {"sold", "cancelled", "refunded"}


@dataclass(frozen=True)
class Stage:
    """The platform as the people of the story meet it."""

    buyer: PublicClient
    rival: PublicClient
    admin: PublicClient
    stranger: PublicClient
    provider: SandboxControl
    """The provider's side: the page where a person pays, and what may go wrong there."""

    async def new_car(self, model: str, price: str = "89990.00") -> int:
        """Put a car up for sale and return its id."""
        car = {"brand_name": "Fiat", "model": model, "year": 2024, "color": "prata"}
        answer = await self.admin.call("POST", "/vehicle", {**car, "price": Decimal(price)})
        vehicle_id: int = answer.expect(201)["id"]
        return vehicle_id


@dataclass
class Purchase:
    """One order on its way, seen through the public routes."""

    stage: Stage
    client: PublicClient
    order_id: int
    vehicle_id: int
    notes: list[str] = field(default_factory=list)
    """What the story adds to the order's own timeline."""

    @classmethod
    async def begin(cls, stage: Stage, model: str) -> Purchase:
        """Reserve a new car for the buyer."""
        vehicle_id = await stage.new_car(model)
        answer = (await stage.buyer.initialize_sale(vehicle_id)).expect(201)
        return cls(stage, stage.buyer, answer["order_id"], vehicle_id)

    async def wait_for_instructions(self, attempt: int = 1) -> str:
        """Wait until the buyer sees how to pay; return the payment's id."""
        payment_id = f"{self.order_id}-{attempt}"

        def payable(order: dict[str, Any]) -> bool:
            payment = order["payment"]
            return bool(payment and payment["payment_id"] == payment_id and payment["pix_code"])

        await self._wait(payable, f"a Pix code for {payment_id}")
        return payment_id

    async def wait_for_event(self, event: str) -> dict[str, Any]:
        """Wait until the timeline tells of an event."""
        return await self._wait(
            lambda order: any(entry["event"] == event for entry in order["timeline"]), event
        )

    async def wait_for_status(self, status: str) -> dict[str, Any]:
        """Wait until the order is in a state."""
        return await self._wait(lambda order: order["status"] == status, f"to {status}")

    async def expect_vehicle(self, status: str) -> None:
        """Check what became of the car."""
        found = (await self.stage.stranger.vehicle(self.vehicle_id))["status"]
        if found != status:
            raise UnexpectedAnswerError(f"vehicle {self.vehicle_id} is {found}, not {status}")

    async def _wait(self, wanted: Any, what: str) -> dict[str, Any]:  # noqa: ANN401 - see PublicClient
        return await self.client.wait_for_order(self.order_id, wanted, what, seconds=PATIENCE_SECONDS)
