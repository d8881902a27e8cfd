"""A proxy before DynamoDB Local that asks each call what it was charged, and adds it up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from autodeal_devstack.processes import find_port

_TARGET = "x-amz-target"
_CHARGED = frozenset(
    {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
     "TransactGetItems", "TransactWriteItems"}
)  # fmt: skip
_READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})


class RequestUnitMeter:
    """Calls and request units, by operation."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        """Items written in transactions, by what is done and to which kind of partition."""
        self.units: defaultdict[str, float] = defaultdict(float)

    def reset(self) -> None:
        """Begin anew."""
        self.calls.clear()
        self.units.clear()
        self.writes.clear()

    @property
    def read_units(self) -> float:
        """Units of operations that read."""
        return sum(units for name, units in self.units.items() if name in _READS)

    @property
    def write_units(self) -> float:
        """Units of operations that write."""
        return sum(units for name, units in self.units.items() if name not in _READS)

    def note(self, operation: str, asked: dict[str, Any], answer: bytes) -> None:
        """Add up what an answer says; a read that finds nothing is free only here."""
        self.calls[operation] += 1
        before = self.units[operation]
        for one in asked.get("TransactItems", ()):
            for act, content in one.items():
                partition = (content.get("Key") or content.get("Item", {})).get("pk", {}).get("S", "")
                self.writes[f"{act} {partition.partition('#')[0]}"] += 1
        consumed = msgspec.json.decode(answer).get("ConsumedCapacity") or []
        for found in consumed if isinstance(consumed, list) else [consumed]:
            self.units[operation] += found.get("CapacityUnits", 0)
        self.units[operation] = max(self.units[operation], before + _least_units(operation, asked))


def _least_units(operation: str, asked: dict[str, Any]) -> float:
    """Return what a region charges for a read at least: one unit an item or query, half if not consistent."""
    if operation in {"GetItem", "Query"}:
        return 1.0 if asked.get("ConsistentRead") else 0.5
    if operation == "BatchGetItem":
        wanted = asked["RequestItems"].values()
        return sum(len(one["Keys"]) * (1.0 if one.get("ConsistentRead") else 0.5) for one in wanted)
    return 0.0


@asynccontextmanager
async def metered(dynamodb_url: str, meter: RequestUnitMeter) -> AsyncIterator[str]:
    """Give the address of the proxy for the length of a block."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:

        async def forward(request: web.Request) -> web.Response:
            operation = request.headers.get(_TARGET, "").rpartition(".")[2]
            body = await request.read()
            asked: dict[str, Any] = {}
            if operation in _CHARGED:
                asked = msgspec.json.decode(body) | {"ReturnConsumedCapacity": "TOTAL"}
                body = msgspec.json.encode(asked)
            headers = {
                name: value
                for name, value in request.headers.items()
                if name.lower() not in {"host", "content-length", "accept-encoding"}
            }
            async with session.post(dynamodb_url, data=body, headers=headers) as answer:
                text = await answer.read()
                if operation in _CHARGED and answer.ok:
                    meter.note(operation, asked, text)
                return web.Response(
                    status=answer.status, body=text, headers={"content-type": "application/x-amz-json-1.0"}
                )

        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/", forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = find_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()
