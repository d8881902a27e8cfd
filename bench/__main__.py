"""Measure everything, or what is named: `python -m bench [sale] [gateway] [relay] …`.

Writes `bench/results.json` and the tables in `docs/performance.md` and `docs/scaling.md`. Let nothing else
run meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import platform
import re
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import uvloop

from bench import (
    measure_gateway_sales,
    measure_purchase_latency,
    measure_sale_transaction,
    measure_vehicle_pages,
)
from bench.measurement import Measurement
from bench.messaging import (
    measure_consumer,
    measure_deadlines,
    measure_dynamodb,
    measure_latency,
    measure_peer,
    measure_purge,
    measure_redrive,
    measure_relay,
    measure_upkeep,
    measure_vacuum,
)
from bench.process_table import write_process_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
MACHINE = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
PART = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)


async def _sale() -> list[Measurement]:
    return [await measure_sale_transaction.measure()]


BENCHES: dict[str, Callable[[], Coroutine[Any, Any, list[Measurement]]]] = {
    "sale": _sale,
    "gateway": measure_gateway_sales.measure,
    "pages": measure_vehicle_pages.measure,
    "latency": measure_purchase_latency.measure,
}
MESSAGING: dict[str, Callable[[], Coroutine[Any, Any, list[Measurement]]]] = {
    "relay": measure_relay.measure,
    "backlog": measure_relay.measure_backlog,
    "consumer": measure_consumer.measure,
    "chain": measure_latency.measure,
    "upkeep": measure_upkeep.measure,
    "dynamodb": measure_dynamodb.measure,
    "peer": measure_peer.measure,
    "redrive": measure_redrive.measure,
    "deadlines": measure_deadlines.measure,
    "purge": measure_purge.measure,
    "vacuum": measure_vacuum.measure,
}
BENCHES |= MESSAGING


def main() -> int:
    """Run the benchmarks that are named, or all."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    names = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.stderr.write(f"no benchmark is called {unknown[0]}; there are: {', '.join(BENCHES)}\n")
        return 2
    for name in names:
        sys.stdout.write(f"measuring {name} …\n")
        sys.stdout.flush()
        load_before = os.getloadavg()[0]
        # The relay and the consumer live on uvloop, so their limits shall not have a slower loop.
        run = uvloop.run if name in MESSAGING else asyncio.run
        _store(name, run(BENCHES[name]()), load_before)
    return 0


def _store(benchmark: str, measured: list[Measurement], load_before: float) -> None:
    """Write what one benchmark found, so that a later one that fails takes nothing of it away."""
    stored: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for found in measured:
        stored[found.name] = {
            "benchmark": benchmark,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": MACHINE,
            "load_before": round(load_before, 1),
            **asdict(found),
        }
        sys.stdout.write(f"  {found.name}: {found.figure}; {found.beside}; ratio {found.ratio:.2f}\n")
    RESULTS.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    page = PART.sub(lambda part: part[1] + _table(stored) + part[2], PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")
    write_process_table(stored)


def _table(stored: dict[str, Any]) -> str:
    lines = ["", "| what | reached | beside | ratio | wanted |", "|---|---|---|---|---|"]
    lines += [
        f"| {one['name']} | {one['figure']} | {one['beside']} | {one['ratio']:.2f} | {one['wanted']} |"
        for one in stored.values()
    ]
    return "\n".join(lines) + "\n\n"


if __name__ == "__main__":
    sys.exit(main())
