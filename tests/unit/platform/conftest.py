from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.testing import AsyncTestClient

from autodeal_platform.authentication import (
    CurrentPrincipal,
    OptionalPrincipal,
    require_admin,
    require_any,
    require_buyer,
)
from autodeal_platform.errors import InvalidFieldError
from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.health import Health
from autodeal_platform.http_app import JsonResponse, PathId, RequestBody, ResponseBody, create_app
from autodeal_platform.money import Price
from autodeal_platform.settings import HttpSettings

BODY_LIMIT_BYTES = 64 * 1024


class VehicleReservedError(Exception):
    code: ClassVar[str] = "vehicle_reserved"

    def __init__(self) -> None:
        super().__init__("The vehicle is reserved.")
        self.context = {"vehicle_id": 7, "code": "never shown"}


class Address(RequestBody, frozen=True, kw_only=True):
    state: str
    number: int = 0

    def __post_init__(self) -> None:
        if len(self.state) != 2:
            raise InvalidFieldError("state", "must have two letters")


class VehicleRequest(RequestBody, frozen=True, kw_only=True):
    price: Price
    year: int = 2020
    model: str = ""
    address: Address | None = None


class VehicleResponse(ResponseBody, frozen=True, kw_only=True):
    price: Decimal
    year: int


@post("/vehicle")
async def register_vehicle(data: JSONBody[VehicleRequest]) -> VehicleResponse:
    return VehicleResponse(price=data.price, year=data.year)


@post("/vehicle/optional")
async def register_optional(data: JSONBody[VehicleRequest | None] = None) -> dict[str, Any]:
    return {"given": data is not None}


@post("/raw")
async def take_raw(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"length": len(await request.body())}


@get("/vehicle/{vehicle_id:int}")
async def show_vehicle(vehicle_id: PathId) -> JsonResponse[VehicleResponse]:
    return JsonResponse(
        VehicleResponse(price=Decimal("89990.00"), year=vehicle_id), headers={"x-extra": "kept"}
    )


@get("/vehicles")
async def list_vehicles(
    price_min: FromQuery[Price | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    brand: FromQuery[str | None] = None,
) -> dict[str, Any]:
    return {"price_min": price_min, "limit": limit, "brand": brand}


@get("/reserved")
async def fail_as_domain() -> None:
    raise VehicleReservedError


@get("/broken")
async def fail_unexpectedly() -> None:
    raise RuntimeError("password=hunter2")


@get("/corrupt")
async def fail_on_stored_data() -> dict[str, Any]:
    return {"stored": msgspec.json.decode(b'{"price": "?"}', type=VehicleResponse)}


@get("/me", guards=[require_any])
async def show_caller(principal: CurrentPrincipal) -> dict[str, Any]:
    return {"subject": principal.subject, "groups": principal.groups}


@get("/maybe")
async def show_maybe(optional_principal: OptionalPrincipal) -> dict[str, Any]:
    return {"subject": optional_principal.subject if optional_principal else None}


@get("/admin", guards=[require_admin])
async def show_admin() -> dict[str, Any]:
    return {"ok": True}


@get("/buyer", guards=[require_buyer])
async def show_buyer() -> dict[str, Any]:
    return {"ok": True}


ROUTES = [
    register_vehicle,
    register_optional,
    take_raw,
    show_vehicle,
    list_vehicles,
    fail_as_domain,
    fail_unexpectedly,
    fail_on_stored_data,
    show_caller,
    show_maybe,
    show_admin,
    show_buyer,
]


@pytest.fixture(scope="session")
def pool() -> FakeUserPool:
    return FakeUserPool()


@pytest.fixture
def health() -> Health:
    return Health(cache_s=0.0, timeout_s=0.05)


@pytest.fixture
def app(pool: FakeUserPool, health: Health) -> Litestar:
    return create_app(
        service="example",
        routes=ROUTES,
        settings=HttpSettings(http_port=0, http_body_limit_bytes=BODY_LIMIT_BYTES),
        health=health,
        statuses={VehicleReservedError: 409},
        verifier=pool.verifier(),
    )


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(app) as opened:
        yield opened
