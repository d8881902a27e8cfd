"""Many at once: one wins, the others get a plain no, and nothing is ever half done."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import asyncpg

from autodeal_contracts.events.payment import PaymentApproved
from autodeal_contracts.saga import OrderState
from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.log_alarms import LoggedAlarms
from autodeal_vehicle.adapters.postgres.connect import create_engine
from autodeal_vehicle.adapters.postgres.unit_of_work import PostgresStore
from autodeal_vehicle.app.cancel_order import CancelOrder
from autodeal_vehicle.app.expire_order import ExpireOrder
from autodeal_vehicle.app.find_orders import Viewer
from autodeal_vehicle.app.handle_payment_event import HandlePaymentEvent
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import UnsafeRequest
from autodeal_vehicle.domain.errors import OrderNotDraftError
from autodeal_vehicle.settings import DatabaseSettings

if TYPE_CHECKING:
    from tests.integration.vehicle.conftest import Service

    Connection = asyncpg.Connection[asyncpg.Record]


async def rows_of_a_sale(database: Connection) -> dict[str, int]:
    tables = ("vehicle_sold", "order_timeline", "outbox", "deadline")
    return {table: await database.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def test_one_buyer_wins_and_the_others_get_409_when_two_hundred_want_one_car(
    service: Service, database: Connection
) -> None:
    vehicle_id = await service.offer()

    answers = await asyncio.gather(
        *(service.reserve(vehicle_id, subject=f"buyer-{number}") for number in range(200))
    )

    assert Counter(answer.status for answer in answers) == {201: 1, 409: 199}
    losers = [answer.body for answer in answers if answer.status == 409]
    assert {body["code"] for body in losers} == {"vehicle_not_available"}
    assert await rows_of_a_sale(database) == dict.fromkeys(await rows_of_a_sale(database), 1)


async def test_every_answer_is_the_same_when_one_request_is_sent_fifty_times_at_once(
    service: Service, database: Connection
) -> None:
    vehicle_id = await service.offer()

    answers = await asyncio.gather(*(service.reserve(vehicle_id, key="once") for _ in range(50)))

    assert {answer.status for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await rows_of_a_sale(database) == dict.fromkeys(await rows_of_a_sale(database), 1)


async def test_one_car_is_reserved_when_one_key_is_used_for_many_cars_at_once(
    service: Service, database: Connection
) -> None:
    vehicles = [await service.offer() for _ in range(10)]

    answers = await asyncio.gather(*(service.reserve(vehicle_id, key="once") for vehicle_id in vehicles))

    assert Counter(answer.status for answer in answers) == {201: 1, 422: 9}
    assert {answer.body["code"] for answer in answers if answer.status == 422} == {"idempotency_key_reused"}
    assert await database.fetchval("SELECT count(*) FROM vehicle WHERE status = 'reserved'") == 1


async def test_every_buyer_gets_a_car_when_there_are_as_many_of_one_model(
    service: Service, database: Connection
) -> None:
    vehicles = [await service.offer() for _ in range(40)]

    answers = await asyncio.gather(
        *(service.reserve(vehicle_id, subject=f"buyer-{vehicle_id}") for vehicle_id in vehicles)
    )

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["order_id"] for answer in answers}) == 40
    assert await rows_of_a_sale(database) == dict.fromkeys(await rows_of_a_sale(database), 40)


async def test_one_vehicle_is_registered_when_the_request_is_sent_twenty_times_at_once(
    service: Service, database: Connection
) -> None:
    car = {"brand_name": "Fiat", "model": "Uno", "year": 2020, "color": "prata", "price": 1}
    answers = await asyncio.gather(
        *(service.call("POST", "/vehicle", car, group="Admin", key="once") for _ in range(20))
    )

    assert {answer.status for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await database.fetchval("SELECT count(*) FROM vehicle") == 1


class Silence:
    def sale_begun(self, order_id: int) -> None: ...

    def order_changed(self, order_id: int) -> None: ...


async def test_one_ending_wins_when_payment_cancellation_and_deadline_come_together(
    service: Service, database: Connection, database_url: str
) -> None:
    engine = create_engine(DatabaseSettings(database_url=Secret(database_url)), "test")
    store = PostgresStore(engine, 64)
    surroundings = Surroundings(bell=Silence(), alarms=LoggedAlarms())
    pay, cancel = HandlePaymentEvent(store, surroundings), CancelOrder(store, surroundings)
    expire = ExpireOrder(store, surroundings)
    viewer = Viewer(subject="buyer-1", is_admin=False)
    for number in range(12):
        vehicle_id = await service.offer()
        order_id = (await service.reserve(vehicle_id)).body["order_id"]
        due_at = await database.fetchval("SELECT due_at FROM deadline WHERE subject = $1", str(order_id))
        paid = PaymentApproved(
            order_id=order_id, payment_id=f"{order_id}-1", attempt=1, amount_cents=8_999_000
        )
        request = UnsafeRequest(caller="buyer-1", key=f"cancel-{number}", fingerprint="x")
        acts = [
            pay(paid, f"event-{number}"),
            cancel(order_id, viewer, request),
            expire(order_id, due_at),
            pay(paid, f"event-{number}"),
        ]
        results = await asyncio.gather(*acts[number % 3 :], *acts[: number % 3], return_exceptions=True)

        errors = [error for error in results if isinstance(error, BaseException)]
        assert all(isinstance(error, OrderNotDraftError) for error in errors), errors
        status = await database.fetchval("SELECT status FROM vehicle_sold WHERE id = $1", order_id)
        vehicle = await database.fetchval("SELECT status FROM vehicle WHERE id = $1", vehicle_id)
        expected = {OrderState.SOLD: "sold", OrderState.CANCELLED: "available"}
        assert vehicle == expected[OrderState(status)]
        told = await database.fetch("SELECT event FROM order_timeline WHERE order_id = $1", order_id)
        assert len({row["event"] for row in told} & {"sale.completed", "sale.cancelled"}) == 1
        sent = await database.fetchval("SELECT count(*) FROM outbox WHERE key = $1", str(order_id))
        assert sent == 2
        assert not await database.fetchval("SELECT count(*) FROM deadline WHERE subject = $1", str(order_id))
    await engine.dispose()
