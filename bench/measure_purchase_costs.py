"""What a purchase costs: `python -m bench.measure_purchase_costs [--write] [PURCHASES] [A SECOND]`.

The whole platform runs on Apache Kafka, PostgreSQL and DynamoDB Local (a JDK and Maven). Every purchase is
paid by Pix and sold. What idle processes use is measured before, and taken off. Units, rows and bytes do not
depend on how fast the machine is; CPU does, so let nothing else run. `--write` puts what was found into
`docs/scaling.md`, which reckons with it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, defaultdict
from typing import Any

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer

from autodeal_contracts.topics import TOPICS
from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.engines.probes import aws_client
from autodeal_devstack.engines.run_engines import running_engines
from autodeal_devstack.purchases.buy_cars import Pace, Platform, buy_cars
from autodeal_devstack.stack import running_stack
from autodeal_devstack.stack.stack import Stack
from bench.cost_sheet import CostSheet
from bench.request_unit_meter import RequestUnitMeter, metered

IDLE_SECONDS = 30.0
SETTLE_SECONDS = 8.0
"""After the last sale: outboxes empty themselves, offsets are committed."""

_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
_WAL_BYTES = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
_TABLES = """
    SELECT relname AS name, n_live_tup AS rows, n_tup_ins + n_tup_upd + n_tup_del AS writes,
           pg_total_relation_size(relid) AS bytes
    FROM pg_stat_user_tables ORDER BY relname
"""


async def main(sheet: CostSheet, purchases: int, per_second: float) -> int:
    """Measure and print; 1 when a purchase failed."""
    meter = RequestUnitMeter()
    async with running_engines(EngineChoice.REAL, need={"dynamodb"}) as endpoints:
        assert endpoints.dynamodb_url is not None
        async with (
            metered(endpoints.dynamodb_url, meter) as url,
            running_stack(EngineChoice.REAL, {"payment": {"DYNAMODB_ENDPOINT_URL": url}}) as stack,
        ):
            connection = await asyncpg.connect(stack.database_url)
            await asyncio.sleep(SETTLE_SECONDS)
            idle = await _idle(sheet, meter, connection)
            before, cpu_before = await _tables(connection), _cpu_seconds()
            commits_before, began = await connection.fetchval(_COMMITS), time.perf_counter()
            wal_before = await connection.fetchval(_WAL_BYTES)
            meter.reset()
            report = await _buy(stack, purchases, per_second)
            await asyncio.sleep(SETTLE_SECONDS)
            seconds = time.perf_counter() - began
            sheet.say("purchases", f"{report.sold} of {report.begun} sold in {seconds:.0f} s")
            _tell_cpu(sheet, cpu_before, idle, seconds, purchases)
            for problem in report.problems:
                sheet.say("  failed", problem)
            _tell_dynamodb(sheet, meter, idle, seconds, purchases)
            wal = await connection.fetchval(_WAL_BYTES) - wal_before - idle["wal bytes"] * seconds
            sheet.say("postgres WAL", f"{wal / purchases:,.0f} bytes")
            commits = await connection.fetchval(_COMMITS) - commits_before
            sheet.say("postgres commits", f"{(commits - idle['commits'] * seconds) / purchases:.1f}")
            _tell_postgres(sheet, before, await _tables(connection), purchases)
            await connection.close()
            await _tell_kafka(sheet, stack, purchases)
            await _tell_items(sheet, endpoints.dynamodb_url, stack.dynamodb_table, purchases)
            return 0 if report.is_clean else 1


async def _idle(
    sheet: CostSheet, meter: RequestUnitMeter, connection: asyncpg.Connection
) -> dict[str, float]:
    """Return what nobody's purchases cost a second."""
    meter.reset()
    commits, cpu = await connection.fetchval(_COMMITS), _cpu_seconds()
    wal = await connection.fetchval(_WAL_BYTES)
    await asyncio.sleep(IDLE_SECONDS)
    found = {
        "reads": meter.read_units / IDLE_SECONDS,
        "writes": meter.write_units / IDLE_SECONDS,
        "commits": (await connection.fetchval(_COMMITS) - commits) / IDLE_SECONDS,
        "wal bytes": (await connection.fetchval(_WAL_BYTES) - wal) / IDLE_SECONDS,
    }
    sheet.say("idle, a second", ", ".join(f"{value:.1f} {name}" for name, value in found.items()))
    used = {name: (after - cpu[name]) / IDLE_SECONDS for name, after in _cpu_seconds().items()}
    sheet.say("idle, of a core", ", ".join(f"{share:.3f} {name}" for name, share in used.items()))
    return found | used


def _tell_cpu(
    sheet: CostSheet, before: dict[str, float], idle: dict[str, float], seconds: float, purchases: int
) -> None:
    total_ms = 0.0
    for name, cpu_seconds in _cpu_seconds().items():
        # What was idle beforehand may be less than nothing of what was used.
        used_ms = max(0.0, cpu_seconds - before[name] - idle[name] * seconds) / purchases * 1000
        sheet.say(f"  CPU of `{name}`", f"{used_ms:.1f} ms")
        total_ms += used_ms
    sheet.say("CPU of the three services", f"{total_ms:.1f} ms")


def _cpu_seconds() -> dict[str, float]:
    """Return the CPU that each of our processes has used: `autodeal_vehicle work` and so on."""
    found: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        words = process.cmdline()
        named = [index for index, word in enumerate(words) if word.startswith("autodeal_")]
        if named and words[-1] in {"serve", "work"}:
            times = process.cpu_times()
            found[" ".join(words[named[0] :])] = times.user + times.system
    return found


async def _buy(stack: Stack, purchases: int, per_second: float) -> Any:  # noqa: ANN401  # its own report
    assert stack.endpoints.cognito_url is not None
    platform = Platform(
        gateway_url=stack.gateway_url,
        provider_url=stack.sandbox_url,
        identity_url=stack.endpoints.cognito_url,
    )
    pace = Pace(per_second=per_second, count=purchases)
    return await buy_cars(platform, pace, asyncio.Event(), lambda _: None)


def _tell_dynamodb(
    sheet: CostSheet, meter: RequestUnitMeter, idle: dict[str, float], seconds: float, purchases: int
) -> None:
    reads = (meter.read_units - idle["reads"] * seconds) / purchases
    writes = (meter.write_units - idle["writes"] * seconds) / purchases
    sheet.say("dynamodb units a purchase", f"{writes:.1f} written, {reads:.1f} read")
    for name, calls in sorted(meter.calls.items()):
        sheet.say(
            f"  {name}",
            f"{calls / purchases:.2f} calls, {meter.units[name] / purchases:.2f} units, idle included",
        )

    for act, count in sorted(meter.writes.items()):
        sheet.say(f"  transacted: {act}", f"{count / purchases:.2f}")


async def _tables(connection: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    await asyncio.sleep(1.5)  # the statistics are told late
    return {row["name"]: row for row in await connection.fetch(_TABLES)}


def _tell_postgres(
    sheet: CostSheet, before: dict[str, asyncpg.Record], after: dict[str, asyncpg.Record], purchases: int
) -> None:
    for name, row in after.items():
        writes = (row["writes"] - before[name]["writes"]) / purchases
        grown = (row["bytes"] - before[name]["bytes"]) / purchases
        if writes >= 0.5:
            sheet.say(f"  table {name}", f"{writes:.1f} row writes, {grown:,.0f} bytes with indexes")


async def _tell_kafka(sheet: CostSheet, stack: Stack, purchases: int) -> None:
    """Read every topic back, and weigh it."""
    topics = [topic.name for topic in TOPICS]
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=stack.kafka_settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    weights: defaultdict[str, list[int]] = defaultdict(list)
    while fetched := await consumer.getmany(timeout_ms=3_000):
        for partition, records in fetched.items():
            weights[partition.topic] += [
                len(record.key or b"")
                + len(record.value or b"")
                + sum(len(name) + len(value) for name, value in record.headers)
                for record in records
            ]
    await consumer.stop()
    for topic, found in sorted(weights.items()):
        sheet.say(
            f"  topic {topic}",
            f"{len(found) / purchases:.2f} events, {sum(found) / len(found):,.0f} bytes each",
        )
    in_all = sum(sum(found) for found in weights.values())
    sheet.say("Kafka bytes, before copies", f"{in_all / purchases:,.0f}")


async def _tell_items(sheet: CostSheet, url: str, table: str, purchases: int) -> None:
    """Scan the table, and weigh the items by kind."""
    counts: Counter[str] = Counter()
    weights: Counter[str] = Counter()
    async with aws_client("dynamodb", url, timeout_seconds=30) as client:
        async for page in client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                kind = item["pk"]["S"].partition("#")[0]
                if kind == "ORDER":
                    kind += "/" + item["sk"]["S"].partition("#")[0]
                counts[kind] += 1
                weights[kind] += sum(len(name) + _weigh(value) for name, value in item.items())
    for kind, count in sorted(counts.items()):
        sheet.say(f"  items {kind}", f"{count / purchases:.2f}, {weights[kind] / count:,.0f} bytes each")
    sheet.say("dynamodb bytes a purchase", f"{sum(weights.values()) / purchases:,.0f}, indexes not counted")


def _weigh(value: Any) -> int:  # noqa: ANN401  # an attribute value in DynamoDB's own form
    (kind, content), *_ = value.items()
    if kind == "L":
        return 3 + sum(1 + _weigh(one) for one in content)
    if kind == "M":
        return 3 + sum(1 + len(name) + _weigh(one) for name, one in content.items())
    return len(content) if isinstance(content, str | bytes) else 1


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--write"]
    filled = CostSheet()
    failed = asyncio.run(main(filled, int((arguments or ["100"])[0]), float((arguments[1:] or ["5"])[0])))
    if "--write" in sys.argv and not failed:
        filled.write()
    sys.exit(failed)
