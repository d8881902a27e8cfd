"""A sandbox in this process, its clock in the test's hand, and a caller that speaks to it as sellers do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import AsyncTestClient

from autodeal_devstack.sandbox.application import create_sandbox
from autodeal_devstack.sandbox.settings import SandboxSettings
from autodeal_platform.health import Health
from autodeal_platform.settings import Secret

TOKEN = "the-token"
PAYER: dict[str, Any] = {
    "email": "ana@example.com",
    "first_name": "Ana",
    "last_name": "Lima",
    "identification": {"type": "CPF", "number": "529.982.247-25"},
    "address": {
        "zip_code": "01001-000",
        "street_name": "Praça da Sé",
        "street_number": "1",
        "neighborhood": "Sé",
        "city": "São Paulo",
        "federal_unit": "SP",
    },
}
PIX: dict[str, Any] = {
    "transaction_amount": 89990,
    "description": "Fiat Pulse 2024",
    "payment_method_id": "pix",
    "external_reference": "17-1",
    "payer": PAYER,
}
BOLETO = PIX | {"payment_method_id": "bolbradesco"}
CARD = PIX | {"payment_method_id": "visa", "token": "APRO", "installments": 1}
_exact = msgspec.json.Decoder(float_hook=Decimal)


class ManualClock:
    """Stands still until told otherwise; waiting moves it and takes no time."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 1, 15, 0, tzinfo=UTC)
        self.slept_seconds = 0.0

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept_seconds += seconds

    def advance(self, **amount: float) -> None:
        self.moment += timedelta(**amount)


@dataclass(frozen=True)
class Caller:
    """Speaks to `/v1` with the token, and to everything else."""

    client: AsyncTestClient[Litestar]

    async def create(self, body: dict[str, Any] | str = PIX, key: str | None = "key-1") -> Response:
        headers = {"authorization": f"Bearer {TOKEN}"}
        if key is not None:
            headers["x-idempotency-key"] = key
        content = body if isinstance(body, str) else msgspec.json.encode(body)
        return await self.client.post("/v1/payments", content=content, headers=headers)

    async def created(self, body: dict[str, Any] = PIX, key: str = "key-1") -> dict[str, Any]:
        response = await self.create(body, key)
        assert response.status_code == 201, response.text
        payment: dict[str, Any] = exact(response)
        return payment

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        headers = {"authorization": f"Bearer {TOKEN}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        content = None if body is None else msgspec.json.encode(body)
        return await self.client.request(method, f"/v1/payments{path}", content=content, headers=headers)

    async def refund(self, payment_id: int, body: object = None, key: str = "refund-1") -> Response:
        return await self.call("POST", f"/{payment_id}/refunds", body, x_idempotency_key=key)

    async def control(self, method: str, path: str, body: object = None) -> Response:
        content = None if body is None else msgspec.json.encode(body)
        return await self.client.request(method, f"/sandbox/{path}", content=content)

    async def move(self, name: object, move: str, body: object = None) -> dict[str, Any]:
        response = await self.control("POST", f"payments/{name}/{move}", body)
        assert response.status_code == 200, response.text
        summary: dict[str, Any] = exact(response)
        return summary

    async def fault(self, **order: object) -> None:
        response = await self.control("POST", "faults", order)
        assert response.status_code == 201, response.text

    async def status_of(self, payment_id: int) -> tuple[str, str]:
        payment = exact(await self.call("GET", f"/{payment_id}"))
        return payment["status"], payment["status_detail"]


def exact(response: Response) -> Any:
    """Read JSON with exact amounts."""
    return _exact.decode(response.content)


def refusal(response: Response) -> tuple[int, object]:
    """Return the status of an error and the code of its cause, or its name without one."""
    body = response.json()
    assert body["status"] == response.status_code
    assert body["message"]
    causes = [cause["code"] for cause in body["cause"]]
    return response.status_code, causes[0] if causes else body["error"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sandbox_settings() -> SandboxSettings:
    return SandboxSettings(
        http_port=8080,
        sandbox_access_token=Secret(TOKEN),
        sandbox_webhook_secret=Secret("the-secret"),
        sandbox_public_url="http://pay.test/",
        sandbox_unanswered_seconds=0,
    )


@pytest.fixture
async def caller(clock: ManualClock, sandbox_settings: SandboxSettings) -> AsyncIterator[Caller]:
    app = create_sandbox(sandbox_settings, Health(), clock)
    async with AsyncTestClient(app, base_url="http://sandbox.test") as client:
        yield Caller(client)
