"""Delete a person at their own wish.

What AutoDeal knows of a person is kept at the identity provider alone; orders and payments name an
opaque subject id, which names nobody once the person is erased there.

A token outlives its person until it expires, so a sale could still begin between the question and
the erasing or soon after. It then ends unpaid at its deadline, since no payment can be made for
somebody who is not registered.
"""

from __future__ import annotations

from typing import Protocol

from autodeal_contracts.saga import OrderState
from autodeal_gateway.app.errors import SaleOpenError

OPEN_STATES = (OrderState.DRAFT, OrderState.REFUNDING, OrderState.REFUND_FAILED)
"""While an order is in one of these, money is owed one way or the other."""


class OrderBook(Protocol):
    """Knows a person's orders."""

    async def has_order_in(self, states: tuple[OrderState, ...], *, subject: str, token: str) -> bool:
        """Tell whether the token's person has an order in one of these states.

        Raises OrdersUnavailableError when that cannot be told now.
        """
        ...


class Eraser(Protocol):
    """Erases people at the identity provider."""

    async def erase(self, subject: str) -> None:
        """Remove everything about the person; nothing happens when there is nobody.

        Raises IdentityUnavailableError, TooManyAttemptsError.
        """
        ...


async def delete_person(eraser: Eraser, orders: OrderBook, *, subject: str, token: str) -> None:
    """Erase the caller, unless a sale is open; repeating it changes nothing.

    Raises SaleOpenError, OrdersUnavailableError, IdentityUnavailableError, TooManyAttemptsError.
    """
    if await orders.has_order_in(OPEN_STATES, subject=subject, token=token):
        raise SaleOpenError
    await eraser.erase(subject)
