"""Bring a sale as far as it can be brought now. Every way in ends here: events, routes, the janitor."""

from __future__ import annotations

from autodeal_payment.app.call_provider import ProviderCaller
from autodeal_payment.app.change_sale import SaleChanger, leave_as_it_is, of_existing
from autodeal_payment.app.ports.payment_provider import CardSubmission
from autodeal_payment.app.ports.sale_store import SaleStore
from autodeal_payment.domain.apply_observation import absorb
from autodeal_payment.domain.next_step import due_after, next_step
from autodeal_payment.domain.observations import Observation
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Moment
from autodeal_payment.domain.steps import Done, Wait

STEP_LIMIT = 16
"""So many steps in a row; the janitor goes on from there."""


class AdvanceSale:
    """Load, ask what is next, do it, store what was learned; until there is nothing to do now.

    Any number of these may run for one sale at once, here and in other processes: calls carry stable
    keys and commits a version, so they find the same end.
    """

    def __init__(self, store: SaleStore, changer: SaleChanger, caller: ProviderCaller) -> None:
        self._store = store
        self._changer = changer
        self._caller = caller

    async def __call__(
        self, order_id: int, *, loaded: Sale | None = None, card: CardSubmission | None = None
    ) -> Sale | None:
        """Return the sale as it stands afterwards; None when there is no such sale."""
        sale = loaded or await self._store.load(order_id)
        in_hand = card.attempt if card is not None else None
        for _ in range(STEP_LIMIT):
            if sale is None:
                return None
            moment = self._changer.moment()
            step = next_step(sale, moment, in_hand)
            if isinstance(step, Wait | Done):
                return await self._rest(sale, moment)
            observation = await self._caller.perform(step, sale, card)
            sale = await self._take_in(sale, observation)
        return sale

    async def _take_in(self, sale: Sale, observation: Observation) -> Sale:
        decide = of_existing(lambda latest, moment: absorb(latest, observation, moment))
        return await self._changer.change(sale.order_id, decide, loaded=sale)

    async def _rest(self, sale: Sale, moment: Moment) -> Sale:
        """Make sure that the janitor's next look is at the right time."""
        if sale.due_at == due_after(sale, moment):
            return sale
        return await self._changer.change(sale.order_id, of_existing(leave_as_it_is), loaded=sale)
