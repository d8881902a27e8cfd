"""A buyer chooses how to pay an order, or tries again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState
from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.change_sale import SaleChanger, leave_as_it_is, of_existing
from autodeal_payment.app.payment_view import PaymentView, view
from autodeal_payment.app.ports.payment_provider import CardSubmission
from autodeal_payment.app.ports.sale_store import KeyTakenError, SaleStore
from autodeal_payment.domain.apply_observation import absorb
from autodeal_payment.domain.errors import OrderNotReadyError, PaymentNotFoundError
from autodeal_payment.domain.observations import CardGone
from autodeal_payment.domain.outcome import Outcome
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.sale_acts import RequestKey, choose_payment
from autodeal_payment.domain.schedule import Moment
from autodeal_platform.idempotency import IdempotencyInProgressError, IdempotencyKeyReusedError
from autodeal_platform.telemetry import bind_purchase

log = structlog.get_logger(__name__)

CARD_PAUSE_SECONDS = 0.25
"""How long a card in hand rests between two looks while an older payment is being called off."""


@dataclass(frozen=True, kw_only=True)
class ChoosePaymentCommand:
    """The buyer's wish. The card's token lives in memory only, for as long as the request does."""

    order_id: int
    buyer_id: str
    method: PaymentMethod
    card: CardSubmission | None = field(default=None, repr=False)
    """Its attempt is filled in when the payment is stored."""
    key: RequestKey | None = None


class ChoosePayment:
    """The intent is committed first, with the claim of the buyer's key; then the provider is called.

    The answer is stored in the commit that first hears of the payment, so a repeated request gets the
    same one. It is given within the budget; what is not known by then goes on in the background.
    """

    def __init__(
        self,
        store: SaleStore,
        changer: SaleChanger,
        advance: AdvanceSale,
        *,
        budget_seconds: float,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._changer = changer
        self._advance = advance
        self._budget_seconds = budget_seconds
        self._pause = pause
        self._running: set[asyncio.Task[Sale | None]] = set()

    async def __call__(self, command: ChoosePaymentCommand) -> PaymentView:
        """Return the payment as it is when the provider has answered, or the budget is spent.

        Raises OrderNotReadyError, PaymentNotFoundError for somebody else's order, OrderNotOpenError,
        OrderAlreadyPaidError, TooManyAttemptsError, and the platform's idempotency errors.
        """
        with bind_purchase(correlation_id=str(command.order_id)):
            kept = await self._replay(command)
            if kept is not None:
                return kept
            try:
                sale, attempt = await self._request(command)
            except KeyTakenError:
                # Another request with the key came first; it answers, or is still running.
                kept = await self._replay(command)
                if kept is None:
                    raise IdempotencyInProgressError from None
                return kept
            card = replace(command.card, attempt=attempt) if command.card is not None else None
            task = asyncio.create_task(self._bring_about(sale, card))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await asyncio.wait({task}, timeout=self._budget_seconds)
            return await self._answer(command, attempt, task.result() if task.done() else None)

    async def drain(self, timeout_seconds: float) -> None:
        """Let what runs in the background finish; what does not is taken up by the janitor."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=timeout_seconds)

    async def _replay(self, command: ChoosePaymentCommand) -> PaymentView | None:
        if command.key is None:
            return None
        now = self._changer.moment().now
        kept = await self._store.find_answer(command.buyer_id, command.key.digest, now)
        if kept is None:
            return None
        if kept.fingerprint != command.key.fingerprint:
            raise IdempotencyKeyReusedError
        if kept.answer is None:
            raise IdempotencyInProgressError
        return kept.answer

    async def _request(self, command: ChoosePaymentCommand) -> tuple[Sale, int]:
        """Commit the intent; nothing has been asked of the provider yet."""
        loaded = await self._store.load(command.order_id)

        def decide(sale: Sale | None, moment: Moment) -> Outcome:
            if sale is None:
                raise OrderNotReadyError("The order is not known yet.", order_id=command.order_id)
            if sale.buyer_id != command.buyer_id:
                raise PaymentNotFoundError("There is no such order.")
            return choose_payment(sale, command.method, command.key, moment)[0]

        sale = await self._changer.change(command.order_id, decide, loaded=loaded)
        return sale, sale.payments[-1].attempt

    async def _bring_about(self, sale: Sale, card: CardSubmission | None) -> Sale | None:
        """Go on with the sale; whoever holds a card's token stays until it was submitted.

        Return the sale as it is then; None when something failed.
        """
        try:
            after = await self._advance(sale.order_id, loaded=sale, card=card)
            if card is None:
                return after
            rests = int(self._budget_seconds / CARD_PAUSE_SECONDS)
            while rests > 0 and after is not None and _waits(after, card):
                await self._pause(CARD_PAUSE_SECONDS)
                rests -= 1
                after = await self._advance(sale.order_id, card=card)
            if after is not None and _waits(after, card):
                gone = CardGone(card.attempt)
                give_up = of_existing(lambda latest, moment: absorb(latest, gone, moment))
                after = await self._changer.change(sale.order_id, give_up)
        except Exception:
            log.warning("payment.left_to_janitor", order_id=sale.order_id, exc_info=True)
            return None
        return after

    async def _answer(self, command: ChoosePaymentCommand, attempt: int, latest: Sale | None) -> PaymentView:
        """Return the stored answer, or store what can be said now."""
        sale = latest or await self._store.load(command.order_id)
        if sale is None:
            raise LookupError("a sale vanished")  # Sales are never deleted.
        if command.key is None:
            return view(sale.payment(attempt))
        if sale.payment(attempt).request_fingerprint is not None:
            await self._changer.change(
                command.order_id, of_existing(leave_as_it_is), loaded=sale, answer_now=attempt
            )
        kept = await self._replay(command)
        return kept if kept is not None else view(sale.payment(attempt))


def _waits(sale: Sale, card: CardSubmission) -> bool:
    return sale.payment(card.attempt).state is PaymentState.REQUESTED
