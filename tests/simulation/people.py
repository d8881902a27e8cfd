"""Buyers and administrators: they ask twice, change their minds, pay late or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import OrderState
from autodeal_payment.app.choose_payment import ChoosePaymentCommand
from autodeal_payment.app.ports.payment_provider import CardSubmission
from autodeal_payment.domain.provider_payment import ProviderPayment, ProviderStatus
from autodeal_payment.domain.sale_acts import RequestKey
from autodeal_vehicle.app.find_orders import Viewer
from autodeal_vehicle.app.initialize_sale import InitializeSaleCommand
from autodeal_vehicle.app.unit_of_work import UnsafeRequest

if TYPE_CHECKING:
    from tests.simulation.world import World

Result = TypeVar("Result")
PATIENCE_SECONDS = 12.0
TRIES = 6
REFUNDED_THERE_SHARE = 0.05
CHARGED_BACK_SHARE = 0.08
"""Of the payments that were approved."""


@dataclass
class Buyer:
    """One who wants a vehicle."""

    world: World
    name: str
    vehicle_id: int

    async def live(self) -> None:
        """Reserve the vehicle; then perhaps choose another way to pay, call it off, ask for money back."""
        draw = self.world.chance.draw
        await asyncio.sleep(draw.random() * draw.choice((0.2, 30.0, 2400.0)) * self.world.squeeze)
        order_id = await self._reserve()
        if order_id is None:
            return
        wishes = (self._choose, self._choose, self._cancel, self._be_refunded, self._pick_up)
        acts: list[Callable[[int], Awaitable[None]]] = draw.choices(wishes, k=draw.choice((0, 1, 1, 2, 3)))
        await asyncio.gather(*(self._sometime(act, order_id) for act in acts))

    async def _sometime(self, act: Callable[[int], Awaitable[None]], order_id: int) -> None:
        draw = self.world.chance.draw
        await asyncio.sleep(draw.random() * draw.choice((1.0, 60.0, 2000.0)) * self.world.squeeze)
        await act(order_id)

    async def _reserve(self) -> int | None:
        method = self.world.chance.draw.choice(
            (PaymentMethod.PIX, PaymentMethod.PIX, PaymentMethod.BOLETO, PaymentMethod.CARD)
        )
        request = UnsafeRequest(caller=self.name, key="sale", fingerprint="sale", success_status=201)
        command = InitializeSaleCommand(vehicle_id=self.vehicle_id, payment_method=method, request=request)
        answer = await self._ask("vehicle-serve", lambda: self.world.vehicle().initialize_sale(command))
        return None if answer is None else int(msgspec.json.decode(answer.body)["order_id"])

    async def _choose(self, order_id: int) -> None:
        draw = self.world.chance.draw
        method = draw.choice(tuple(PaymentMethod))
        card = CardSubmission(attempt=0, token="t0ken", payment_method_id="master", installments=1)
        digest = f"{self.name}-{draw.randrange(3)}"
        command = ChoosePaymentCommand(
            order_id=order_id,
            buyer_id=self.name,
            method=method,
            card=card if method is PaymentMethod.CARD else None,
            key=RequestKey(digest, method.value) if draw.random() < 0.7 else None,
        )
        await self._ask("payment-serve", lambda: self.world.payment().choose_payment(command))

    async def _cancel(self, order_id: int) -> None:
        request = UnsafeRequest(caller=self.name, key="cancel", fingerprint="cancel")
        viewer = Viewer(subject=self.name, is_admin=False)
        await self._ask("vehicle-serve", lambda: self.world.vehicle().cancel_order(order_id, viewer, request))

    async def _be_refunded(self, order_id: int) -> None:
        """Have an administrator return the money once it is there."""
        for number in range(8):
            order = self.world.vehicle_store.state.orders[order_id]
            if order.status in {OrderState.SOLD, OrderState.REFUND_FAILED}:
                key = f"refund-{number}"
                request = UnsafeRequest(caller="admin", key=f"{key}-{order_id}", fingerprint=key)
                await self._ask(
                    "vehicle-serve",
                    partial(self._refund, order_id, request),
                )
            await asyncio.sleep(self.world.chance.draw.random() * 600 * self.world.squeeze)

    async def _refund(self, order_id: int, request: UnsafeRequest) -> object:
        return await self.world.vehicle().refund_order(order_id, request)

    async def _pick_up(self, order_id: int) -> None:
        request = UnsafeRequest(caller="admin", key=f"pickup-{order_id}", fingerprint="pickup")
        await self._ask(
            "vehicle-serve", lambda: self.world.vehicle().confirm_pickup(self.vehicle_id, request)
        )

    async def _ask(self, process_name: str, request: Callable[[], Awaitable[Result]]) -> Result | None:
        """Ask until there is an answer; sometimes twice at once. None when it was refused."""
        if self.world.chance.befalls("duplicate"):
            asyncio.get_running_loop().create_task(self._ask_patiently(process_name, request))
        return await self._ask_patiently(process_name, request)

    async def _ask_patiently(
        self, process_name: str, request: Callable[[], Awaitable[Result]]
    ) -> Result | None:
        for _ in range(TRIES):
            process = self.world.processes.get(process_name)
            if process is not None:
                running = process.start(_await(request))
                done, _ = await asyncio.wait({running}, timeout=PATIENCE_SECONDS)
                if done and running.exception() is None:
                    return running.result()
            await asyncio.sleep(self.world.chance.draw.random() * 5)
        return None


async def _await(request: Callable[[], Awaitable[Result]]) -> Result:
    return await request()


def face_payment(world: World, payment: ProviderPayment) -> None:
    """Let the buyer pay it, decline it or leave it, soon or late."""
    chance = world.chance
    dice = chance.draw.random()
    delay_seconds = chance.draw.random() * chance.draw.choice((1.0, 120.0, 1900.0)) * world.squeeze
    if dice < 0.6:
        status = ProviderStatus.APPROVED
    elif dice < 0.7:
        status = ProviderStatus.REJECTED
    else:
        return
    chance.later(
        delay_seconds,
        lambda: world.provider.act(payment.provider_id, ProviderStatus.PENDING, status, "by_buyer"),
    )


def face_bank(world: World, payment: ProviderPayment) -> None:
    """Let the money go back seldom without this platform asking: by the dealer's hand or by the bank's."""
    chance = world.chance
    dice = chance.draw.random()
    if dice < REFUNDED_THERE_SHARE:
        status = ProviderStatus.REFUNDED
    elif dice < REFUNDED_THERE_SHARE + CHARGED_BACK_SHARE:
        status = ProviderStatus.CHARGED_BACK
    else:
        return
    chance.later(
        chance.draw.random() * chance.draw.choice((5.0, 600.0, 2400.0)) * world.squeeze,
        lambda: world.provider.act(payment.provider_id, ProviderStatus.APPROVED, status),
    )
