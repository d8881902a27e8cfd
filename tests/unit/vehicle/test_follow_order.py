"""Following an order: every entry once, in order, until the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from autodeal_contracts.saga import OrderState
from autodeal_vehicle.adapters.postgres.order_news import OrderWatch
from autodeal_vehicle.app.find_orders import Viewer
from autodeal_vehicle.app.follow_order import FollowOrder
from autodeal_vehicle.app.views import TimelineEntryView
from autodeal_vehicle.domain.errors import OrderNotFoundError
from autodeal_vehicle.entrypoints.http.order_event_routes import write_frames

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer, MakeEvent

OWNER = Viewer(subject="buyer-1", is_admin=False)


class News:
    """One watch for everybody, rung by the test."""

    def __init__(self) -> None:
        self.watch_rung = OrderWatch()
        self.watching = asyncio.Event()

    @asynccontextmanager
    async def watch(self, order_id: int) -> AsyncIterator[OrderWatch]:
        assert order_id == 41
        self.watching.set()
        yield self.watch_rung
        self.watching.clear()


@pytest.fixture
async def news() -> News:
    return News()


def following(dealer: Dealer, news: News, *, look_again: float = 30.0, draining: bool = False) -> FollowOrder:
    return FollowOrder(dealer.store, news, look_again, 2 * look_again, lambda: draining)


async def opened(
    follow: FollowOrder, order_id: int, after: int = 0
) -> AsyncIterator[TimelineEntryView | None]:
    entries = await follow.open(order_id, OWNER, after)
    assert entries is not None
    return entries


async def test_stream_ends_after_the_last_entry_when_the_order_becomes_final(
    dealer: Dealer, news: News
) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    seen: list[str] = []

    async def watch() -> None:
        async for entry in await opened(following(dealer, news), order.id):
            assert entry is not None
            seen.append(entry.event)

    watching = asyncio.create_task(watch())
    await news.watching.wait()
    await dealer.cancel()
    news.watch_rung.ring()
    await watching

    assert seen == ["sale.initialized", "sale.cancelled"]
    assert not news.watching.is_set()


async def test_only_later_entries_come_when_the_client_saw_some(dealer: Dealer, news: News) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    await dealer.cancel()

    entries = [entry async for entry in await opened(following(dealer, news), order.id, after=1)]

    assert [entry.sequence for entry in entries if entry] == [2]


async def test_nothing_is_left_to_tell_when_the_order_is_final_and_seen(dealer: Dealer, news: News) -> None:
    order = dealer.place_order(OrderState.CANCELLED)

    assert await following(dealer, news).open(order.id, OWNER, 1) is None


async def test_order_is_looked_at_again_when_the_news_is_lost(
    dealer: Dealer, news: News, make_event: MakeEvent
) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    entries = await opened(following(dealer, news, look_again=0.01), order.id)
    assert await anext(entries) is not None
    await dealer.handle_payment_event(make_event("payment.created"), "event-1")

    found = await anext(entries)
    while found is None:
        found = await anext(entries)

    assert found.event == "payment.created"


async def test_sign_of_life_is_sent_when_nothing_happens(dealer: Dealer, news: News) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    entries = await opened(following(dealer, news, look_again=0.01), order.id)
    await anext(entries)

    assert await anext(entries) is None


async def test_stream_ends_when_the_process_drains(dealer: Dealer, news: News) -> None:
    order = dealer.place_order(OrderState.DRAFT)

    entries = [entry async for entry in await opened(following(dealer, news, draining=True), order.id)]

    assert [entry.event for entry in entries if entry] == ["sale.initialized"]


@pytest.mark.parametrize("order_id", [41, 404])
async def test_order_does_not_exist_when_a_stranger_follows_it(
    dealer: Dealer, news: News, order_id: int
) -> None:
    dealer.place_order(OrderState.DRAFT)
    with pytest.raises(OrderNotFoundError):
        await following(dealer, news).open(order_id, Viewer(subject="stranger", is_admin=False), 0)


async def test_frames_are_server_sent_events_when_written(dealer: Dealer, news: News) -> None:
    order = dealer.place_order(OrderState.DRAFT)
    await dealer.cancel()

    frames = [frame async for frame in write_frames(await opened(following(dealer, news), order.id))]

    assert frames[1].startswith(b"id: 2\nevent: sale.cancelled\ndata: {")
    assert all(frame.endswith(b"}\n\n") for frame in frames)
