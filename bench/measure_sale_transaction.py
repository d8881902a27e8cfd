"""The sale's own transaction, through the use case, beside pgbench writing the same rows one by one."""

from __future__ import annotations

import asyncio
import itertools
import time
from datetime import timedelta
from statistics import median
from uuid import uuid4

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_platform.idempotency import fingerprint
from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.connect import create_sale_pool
from autodeal_vehicle.adapters.postgres.sale_desk import PostgresSaleDesk
from autodeal_vehicle.app.initialize_sale import InitializeSale, InitializeSaleCommand
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import UnsafeRequest
from autodeal_vehicle.domain.order import Alarm
from autodeal_vehicle.domain.sale_deadline import SaleDeadlines
from autodeal_vehicle.settings import DatabaseSettings
from bench.measurement import Measurement
from bench.postgres_room import run_pgbench, stocked_postgres
from bench.sale_script import SEVEN_STATEMENTS

CLIENTS = 32
ROUNDS = 3
SECONDS = 6
VEHICLES = 600_000
WANTED = 0.35
DEADLINES = SaleDeadlines(pix=timedelta(minutes=30), card=timedelta(minutes=30), boleto_business_days=3)


class Silence:
    """Nobody listens: the transaction alone is measured."""

    def sale_begun(self, order_id: int) -> None:
        """Hear nothing."""

    def order_changed(self, order_id: int) -> None:
        """Hear nothing."""

    def raise_alarm(self, alarm: Alarm, order_id: int) -> None:
        """Hear nothing."""


async def measure() -> Measurement:
    """Take turns with pgbench and compare the medians."""
    async with stocked_postgres(VEHICLES) as url:
        pool = await create_sale_pool(DatabaseSettings(database_url=Secret(url)), "bench")
        desk = PostgresSaleDesk(pool, acquire_timeout_seconds=10, outbox_shards=64)
        silence = Silence()
        sell = InitializeSale(desk, DEADLINES, Surroundings(bell=silence, alarms=silence))
        ours: list[float] = []
        theirs: list[float] = []
        vehicles = itertools.count(1)
        await _sell_for(sell, vehicles, seconds=1.5)
        for number in range(ROUNDS):
            first = 300_000 + number * 100_000
            result = run_pgbench(url, SEVEN_STATEMENTS, clients=CLIENTS, seconds=SECONDS, first=first)
            theirs.append(result.per_second)
            ours.append(await _sell_for(sell, vehicles, seconds=SECONDS))
        await pool.close()
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Measurement(
        name="sale transaction, 32 clients",
        figure=f"{median(ours):,.0f} sales/s in one process",
        beside=f"pgbench, seven statements: {median(theirs):,.0f}/s",
        ratio=median(ratios),
        wanted=f"≥ {WANTED}",
        runs={"ours_per_second": ours, "pgbench_per_second": theirs, "ratios": ratios},
    )


async def _sell_for(sell: InitializeSale, vehicles: itertools.count[int], *, seconds: float) -> float:
    """Sell as fast as the clients can for a time; return sales a second."""
    began = time.perf_counter()
    sold = 0

    async def client() -> None:
        nonlocal sold
        while time.perf_counter() - began < seconds:
            vehicle_id = next(vehicles)
            path = f"/vehicle/{vehicle_id}/initialize-sale"
            request = UnsafeRequest(
                caller="2f1c9a64-0c55-4f5b-9a3e-7d2f8a6b1c00",
                key=uuid4().hex,
                fingerprint=fingerprint("POST", path, b"{}"),
                success_status=201,
            )
            answer = await sell(
                InitializeSaleCommand(
                    vehicle_id=vehicle_id, payment_method=PaymentMethod.PIX, request=request
                )
            )
            assert answer.status == 201
            sold += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return sold / (time.perf_counter() - began)
