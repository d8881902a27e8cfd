"""What every store of vehicles and orders does, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from autodeal_contracts.events.payment import (
    PaymentApproved,
    PaymentCreated,
    PaymentEvent,
    PaymentExpired,
    PaymentInstructions,
    PaymentRejected,
)
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import OrderState, VehicleState
from autodeal_platform.idempotency import StoredAnswer
from autodeal_vehicle.app.errors import AnswerTakenError, InvariantBrokenError
from autodeal_vehicle.app.find_vehicles import VehicleFilter
from autodeal_vehicle.app.initialize_sale import PreparedSale
from autodeal_vehicle.app.page import PageRequest
from autodeal_vehicle.app.seal_events import seal_events
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import SealedChange, UnitOfWork, UnsafeRequest
from autodeal_vehicle.domain.change_order import cancel_by_buyer
from autodeal_vehicle.domain.order import Change, Order
from autodeal_vehicle.domain.react_to_payment import react_to_payment
from autodeal_vehicle.domain.reserve_vehicle import reserve_vehicle
from autodeal_vehicle.domain.vehicle import Vehicle, VehicleDetails

if TYPE_CHECKING:
    from tests.contracts.vehicle.conftest import Stores

    from autodeal_vehicle.app.surroundings import Alarms, Bell

NOW = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
UNO = VehicleDetails(brand_name="Fiat", model="Uno", year=2020, color="Prata", price_cents=8_999_000)


class Silence:
    def sale_begun(self, order_id: int) -> None: ...

    def order_changed(self, order_id: int) -> None: ...

    def raise_alarm(self, alarm: object, order_id: int) -> None: ...


def surroundings() -> Surroundings:
    bell: Bell = Silence()
    alarms: Alarms = Silence()
    return Surroundings(bell=bell, alarms=alarms)


def a_request(key: str = "key", caller: str = "buyer") -> UnsafeRequest:
    return UnsafeRequest(caller=caller, key=key, fingerprint="print", success_status=201)


async def offer(stores: Stores, details: VehicleDetails = UNO) -> Vehicle:
    async with stores.store.begin() as work:
        return await work.add_vehicle(details, NOW)


async def prepare(stores: Stores, vehicle: Vehicle, request: UnsafeRequest) -> PreparedSale:
    prospect = await stores.desk.look_up(vehicle.id, request)
    change = reserve_vehicle(
        vehicle,
        order_id=prospect.order_id,
        buyer_id=request.caller,
        payment_method=PaymentMethod.PIX,
        expires_at=NOW + timedelta(minutes=30),
        idempotency_key_digest="0" * 64,
        now=NOW,
    )
    (envelope,) = seal_events(change, NOW, surroundings())
    answer = StoredAnswer(fingerprint=request.fingerprint, status=201, body=b'{"price":1.00}')
    return PreparedSale(
        vehicle=vehicle, change=change, envelope=envelope, request=request, answer=answer, now=NOW
    )


async def sell(stores: Stores, vehicle: Vehicle, request: UnsafeRequest) -> Order:
    sale = await prepare(stores, vehicle, request)
    assert await stores.desk.commit(sale)
    return sale.change.order


async def apply(work: UnitOfWork, change: Change) -> None:
    await work.save(change, seal_events(change, NOW, surroundings()), NOW)


def approval(order: Order) -> PaymentApproved:
    return PaymentApproved(
        order_id=order.id, payment_id=f"{order.id}-1", attempt=1, amount_cents=order.price_cents
    )


async def pay(stores: Stores, order: Order) -> None:
    async with stores.store.begin() as work:
        found = await work.order_to_change(order.id)
        assert found is not None
        await apply(work, react_to_payment(found, approval(order), NOW))


async def test_vehicle_comes_back_as_it_was_when_added(stores: Stores) -> None:
    vehicle = await offer(stores)

    assert await stores.showroom.vehicle(vehicle.id) == vehicle
    assert vehicle.details == UNO
    assert vehicle.status is VehicleState.AVAILABLE


async def test_brand_keeps_its_first_spelling_when_named_otherwise(stores: Stores) -> None:
    await offer(stores, replace(UNO, brand_name="Citroën"))

    vehicle = await offer(stores, replace(UNO, brand_name="CITROËN"))

    assert vehicle.details.brand_name == "Citroën"


async def test_brand_is_one_when_many_name_it_at_once(stores: Stores) -> None:
    vehicles = await asyncio.gather(*(offer(stores, replace(UNO, model=f"M{n}")) for n in range(8)))

    page = await stores.showroom.for_sale(VehicleFilter(brand="fiat"), PageRequest(limit=20))
    assert {vehicle.id for vehicle in page} == {vehicle.id for vehicle in vehicles}


async def test_vehicle_changes_when_edited(stores: Stores) -> None:
    vehicle = await offer(stores)
    details = replace(UNO, brand_name="Volkswagen", model="Gol", color="Azul", year=1999, price_cents=1)

    async with stores.store.begin() as work:
        found = await work.vehicle_to_change(vehicle.id)
        assert found is not None
        edited = await work.save_vehicle(found.edited(details, NOW))

    assert await stores.showroom.vehicle(vehicle.id) == edited
    assert edited.details == details
    assert [row.id for row in await stores.showroom.for_sale(VehicleFilter(color="AZUL"), PageRequest())] == [
        vehicle.id
    ]


async def test_nothing_remains_when_a_unit_of_work_fails(stores: Stores) -> None:
    async def fail_at_the_end() -> None:
        async with stores.store.begin() as work:
            await work.add_vehicle(UNO, NOW)
            await work.claim_event("event-1")
            await work.store_answer(a_request(), StoredAnswer(fingerprint="x", status=1, body=b""), NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_at_the_end()

    assert await stores.showroom.for_sale(VehicleFilter(), PageRequest()) == []
    async with stores.store.begin() as work:
        assert await work.claim_event("event-1")
        assert await work.stored_answer(a_request()) is None


async def test_sale_is_stored_whole_when_committed(stores: Stores) -> None:
    vehicle = await offer(stores)
    request = a_request()

    order = await sell(stores, vehicle, request)

    found = await stores.orders.order(order.id)
    assert found is not None
    assert found.order == order
    assert [entry.event for entry in found.timeline] == ["sale.initialized"]
    reserved = await stores.showroom.vehicle(vehicle.id)
    assert reserved is not None
    assert reserved.status is VehicleState.RESERVED
    prospect = await stores.desk.look_up(vehicle.id, request)
    assert prospect.stored == StoredAnswer(fingerprint="print", status=201, body=b'{"price":1.00}')
    assert prospect.order_id != order.id
    async with stores.store.begin() as work:
        assert await work.claim_deadline(order.id, order.expires_at)


async def test_sale_leaves_no_trace_when_the_vehicle_changed(stores: Stores) -> None:
    vehicle = await offer(stores)
    late = await prepare(stores, vehicle, a_request("late", "late"))
    await sell(stores, vehicle, a_request("first", "first"))

    assert not await stores.desk.commit(late)

    assert await stores.orders.order(late.change.order.id) is None
    assert (await stores.desk.look_up(vehicle.id, a_request("late", "late"))).stored is None
    async with stores.store.begin() as work:
        assert not await work.claim_deadline(late.change.order.id, late.change.order.expires_at)


async def test_sale_leaves_no_trace_when_its_key_was_answered(stores: Stores) -> None:
    first, second = await offer(stores), await offer(stores)
    late = await prepare(stores, second, a_request())
    await sell(stores, first, a_request())

    assert not await stores.desk.commit(late)

    found = await stores.showroom.vehicle(second.id)
    assert found == second


async def test_one_sale_is_committed_when_many_are_at_once(stores: Stores) -> None:
    vehicle = await offer(stores)
    sales = [await prepare(stores, vehicle, a_request(f"key-{n}", f"buyer-{n}")) for n in range(20)]

    won = await asyncio.gather(*(stores.desk.commit(sale) for sale in sales))

    assert won.count(True) == 1
    orders = await stores.orders.orders(None, None, PageRequest())
    assert [row.order.id for row in orders] == [sales[won.index(True)].change.order.id]


async def test_prospect_has_no_vehicle_when_there_is_none(stores: Stores) -> None:
    assert (await stores.desk.look_up(404, a_request())).vehicle is None


async def test_change_is_stored_whole_when_a_payment_is_approved(stores: Stores) -> None:
    vehicle = await offer(stores)
    order = await sell(stores, vehicle, a_request())
    created = PaymentCreated(
        order_id=order.id,
        payment_id=f"{order.id}-1",
        attempt=1,
        amount_cents=order.price_cents,
        payment_method=PaymentMethod.PIX,
        instructions=PaymentInstructions(pix_code="000201", url="https://pay.example"),
        expires_at=NOW,
    )
    async with stores.store.begin() as work:
        found = await work.order_to_change(order.id)
        assert found == order
        waiting = react_to_payment(found, created, NOW)
        await apply(work, waiting)
    async with stores.store.begin() as work:
        found = await work.order_to_change(order.id)
        assert found == waiting.order
        paid = react_to_payment(found, approval(order), NOW)
        await apply(work, paid)
        told = await work.timeline(order.id)

    after = await stores.orders.order(order.id)
    assert after is not None
    assert after.order == paid.order
    assert list(after.timeline) == list(told)
    assert [entry.event for entry in told] == [
        "sale.initialized",
        "payment.created",
        "payment.approved",
        "sale.completed",
    ]
    assert told[1].detail == {"payment_id": f"{order.id}-1", "payment_method": "pix"}
    async with stores.store.begin() as work:
        assert not await work.claim_deadline(order.id, order.expires_at)


async def test_vehicle_is_for_sale_again_when_its_order_is_cancelled(stores: Stores) -> None:
    vehicle = await offer(stores)
    order = await sell(stores, vehicle, a_request())

    async with stores.store.begin() as work:
        found = await work.claiming_order_to_change(vehicle.id)
        assert found is not None
        await apply(work, cancel_by_buyer(found, NOW))

    (free,) = await stores.showroom.for_sale(VehicleFilter(), PageRequest())
    assert free.id == vehicle.id
    async with stores.store.begin() as work:
        assert await work.claiming_order_to_change(vehicle.id) is None
    again = await sell(stores, free, a_request("again"))
    assert again.id != order.id


async def test_change_is_refused_when_the_vehicle_is_not_as_it_must_be(stores: Stores) -> None:
    vehicle = await offer(stores)
    order = await sell(stores, vehicle, a_request())
    cancelled = cancel_by_buyer(order, NOW)
    async with stores.store.begin() as work:
        await apply(work, cancelled)

    forged = replace(cancelled.order, status=OrderState.DRAFT, cancel_reason=None)
    async with stores.store.begin() as work:
        with pytest.raises(InvariantBrokenError):
            await apply(work, cancel_by_buyer(forged, NOW))


async def test_event_is_claimed_once_when_it_comes_twice(stores: Stores) -> None:
    async with stores.store.begin() as work:
        assert await work.claim_event("event-1")
    async with stores.store.begin() as work:
        assert not await work.claim_event("event-1")
        assert await work.claim_event("event-2")


async def sell_many(stores: Stores, count: int) -> list[Order]:
    return [
        await sell(stores, await offer(stores), a_request(f"key-{number}", f"buyer-{number}"))
        for number in range(count)
    ]


def sealed(change: Change) -> SealedChange:
    return SealedChange(change=change, envelopes=seal_events(change, NOW, surroundings()))


def what_happens_to(orders: Sequence[Order]) -> list[PaymentEvent]:
    """Return a different payment event for each order."""
    facts = [{"order_id": order.id, "payment_id": f"{order.id}-1", "attempt": 1} for order in orders]
    return [
        PaymentApproved(**facts[0], amount_cents=orders[0].price_cents),  # type: ignore[arg-type]  # by name
        PaymentApproved(**facts[1], amount_cents=1),  # type: ignore[arg-type]
        PaymentRejected(**facts[2], amount_cents=orders[2].price_cents, reason="no"),  # type: ignore[arg-type]
        PaymentExpired(**facts[3], amount_cents=orders[3].price_cents),  # type: ignore[arg-type]
        PaymentCreated(
            **facts[4],  # type: ignore[arg-type]
            amount_cents=orders[4].price_cents,
            payment_method=PaymentMethod.BOLETO,
            instructions=PaymentInstructions(boleto_line='23790 "x" \\ é', url="https://pay.example/?a=1&b"),
            expires_at=NOW + timedelta(days=3),
        ),
        PaymentApproved(**facts[5], amount_cents=orders[5].price_cents),  # type: ignore[arg-type]
    ]


async def test_each_is_stored_whole_when_many_orders_change_in_one_commit(stores: Stores) -> None:
    orders = await sell_many(stores, 6)
    events = what_happens_to(orders)
    async with stores.store.begin() as work:
        found = await work.orders_to_change([*(order.id for order in reversed(orders)), 999_999])
        assert found == {order.id: order for order in orders}
        changes = [react_to_payment(found[event.order_id], event, NOW) for event in events]
        await work.save_all([sealed(change) for change in changes], NOW)

    for change in changes:
        after = await stores.orders.order(change.order.id)
        assert after is not None
        assert after.order == change.order
        assert [entry.event for entry in after.timeline[1:]] == [entry.event for entry in change.entries]
        assert [entry.detail for entry in after.timeline[1:]] == [entry.detail for entry in change.entries]
    free = await stores.showroom.for_sale(VehicleFilter(), PageRequest())
    assert {vehicle.id for vehicle in free} == {orders[1].vehicle_id, orders[3].vehicle_id}
    async with stores.store.begin() as work:
        waiting = [await work.claim_deadline(order.id, order.expires_at) for order in orders]
    assert waiting == [False, False, True, False, True, False]


async def test_none_is_stored_when_one_of_many_is_not_as_it_must_be(stores: Stores) -> None:
    orders = await sell_many(stores, 6)
    async with stores.store.begin() as work:
        await apply(work, cancel_by_buyer(orders[5], NOW))
    changes = [
        react_to_payment(order, event, NOW)
        for order, event in zip(orders, what_happens_to(orders), strict=True)
    ]

    with pytest.raises(InvariantBrokenError):
        async with stores.store.begin() as work:
            await work.save_all([sealed(change) for change in changes], NOW)

    for order in orders[:5]:
        after = await stores.orders.order(order.id)
        assert after is not None
        assert after.order == order


async def test_only_new_events_are_claimed_when_many_come(stores: Stores) -> None:
    async with stores.store.begin() as work:
        assert await work.claim_events(["b", "a"]) == {"a", "b"}
    async with stores.store.begin() as work:
        assert await work.claim_events(["c", "a"]) == {"c"}
        assert not await work.claim_event("c")


async def test_answer_is_taken_when_another_request_stored_one(stores: Stores) -> None:
    answer = StoredAnswer(fingerprint="print", status=200, body=b"{}")
    async with stores.store.begin() as work:
        await work.store_answer(a_request(), answer, NOW)

    with pytest.raises(AnswerTakenError):
        async with stores.store.begin() as work:
            await work.store_answer(a_request(), replace_body(answer), NOW)

    async with stores.store.begin() as work:
        assert await work.stored_answer(a_request()) == answer
        assert await work.stored_answer(a_request(caller="another")) is None


def replace_body(answer: StoredAnswer) -> StoredAnswer:
    return StoredAnswer(fingerprint=answer.fingerprint, status=answer.status, body=b"[]")


async def test_order_is_unknown_when_nobody_made_it(stores: Stores) -> None:
    assert await stores.orders.order(404) is None
    async with stores.store.begin() as work:
        assert await work.order_to_change(404) is None
        assert await work.vehicle_to_change(404) is None


async def test_entries_come_after_the_one_seen_when_asked_for(stores: Stores) -> None:
    order = await sell(stores, await offer(stores), a_request())
    await pay(stores, order)

    found = await stores.orders.entries_after(order.id, 2)

    assert found is not None
    assert [entry.sequence for entry in found.timeline] == [3]
    assert found.order.status is OrderState.SOLD


async def test_orders_are_the_newest_first_and_the_buyers_own_when_listed(stores: Stores) -> None:
    orders = [
        await sell(stores, await offer(stores), a_request(f"key-{n}", f"buyer-{n % 2}")) for n in range(4)
    ]
    await pay(stores, orders[0])

    own = await stores.orders.orders("buyer-0", None, PageRequest(limit=1))
    assert [row.order.id for row in own] == [orders[2].id, orders[0].id]
    after = await stores.orders.orders("buyer-0", None, PageRequest(limit=1, after=(orders[2].id,)))
    assert [row.order.id for row in after] == [orders[0].id]
    assert [len(row.timeline) for row in after] == [3]
    sold = await stores.orders.orders(None, OrderState.SOLD, PageRequest())
    assert [row.order.id for row in sold] == [orders[0].id]


async def test_sold_vehicles_are_the_cheapest_first_when_listed(stores: Stores) -> None:
    orders = []
    for number, price_cents in enumerate((300, 100, 200)):
        vehicle = await offer(stores, replace(UNO, price_cents=price_cents))
        orders.append(await sell(stores, vehicle, a_request(f"key-{number}", f"buyer-{number}")))
    for order in orders:
        await pay(stores, order)
    await sell(stores, await offer(stores), a_request("draft"))

    rows = await stores.showroom.sold(None, PageRequest(limit=20))
    assert [row.order.price_cents for row in rows] == [100, 200, 300]
    assert [row.vehicle.id for row in rows] == [row.order.vehicle_id for row in rows]
    after = await stores.showroom.sold(None, PageRequest(after=(100, rows[0].order.id)))
    assert [row.order.price_cents for row in after] == [200, 300]
    (own,) = await stores.showroom.sold("buyer-0", PageRequest())
    assert own.order.price_cents == 300


FILTERS = [
    VehicleFilter(),
    VehicleFilter(brand="FIAT"),
    VehicleFilter(brand="nobody"),
    VehicleFilter(model="uno"),
    VehicleFilter(brand="fiat", model="UNO", color="prata"),
    VehicleFilter(color="PRETO"),
    VehicleFilter(year_min=2003),
    VehicleFilter(year_max=2002),
    VehicleFilter(year_min=2002, year_max=2002),
    VehicleFilter(year_min=2005, year_max=2001),
    VehicleFilter(year_min=2002, year_max=2004, price_min_cents=200, price_max_cents=400),
    VehicleFilter(brand="ford", year_min=2001, year_max=2003),
    VehicleFilter(price_min_cents=300),
    VehicleFilter(price_max_cents=200, color="prata"),
]


async def test_every_page_joins_the_next_when_walked_with_any_filter(stores: Stores) -> None:
    for number in range(24):
        await offer(
            stores,
            VehicleDetails(
                brand_name=("Fiat", "Ford", "Volkswagen")[number % 3],
                model=("Uno", "Ka")[number % 2],
                year=2000 + number % 6,
                color=("Prata", "Preto")[number % 4 // 2],
                price_cents=100 * (1 + number % 5),
            ),
        )
    everything = await stores.showroom.for_sale(VehicleFilter(), PageRequest(limit=100))
    assert len(everything) == 24
    for wanted in FILTERS:
        expected = [vehicle for vehicle in everything if fits(vehicle, wanted)]
        assert await walk(stores, wanted, limit=3) == expected, wanted


async def walk(stores: Stores, wanted: VehicleFilter, *, limit: int) -> list[Vehicle]:
    found: list[Vehicle] = []
    after: tuple[int, int] | None = None
    while True:
        rows = await stores.showroom.for_sale(wanted, PageRequest(limit=limit, after=after))
        assert len(rows) <= limit + 1
        found += rows[:limit]
        if len(rows) <= limit:
            return found
        after = (found[-1].details.price_cents, found[-1].id)


def fits(vehicle: Vehicle, wanted: VehicleFilter) -> bool:
    details = vehicle.details
    names = (
        (wanted.brand, details.brand_name),
        (wanted.model, details.model),
        (wanted.color, details.color),
    )
    return (
        all(one is None or one.lower() == other.lower() for one, other in names)
        and (wanted.year_min or 0) <= details.year <= (wanted.year_max or 9999)
        and (wanted.price_min_cents or 0) <= details.price_cents <= (wanted.price_max_cents or 10**12)
    )
