"""Vehicles: for anyone to look at, for administrators to put on offer and correct."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post, put
from litestar.handlers import HTTPRouteHandler

from autodeal_platform import describe_answers as doc
from autodeal_platform.authentication import CurrentPrincipal, OptionalPrincipal, require_admin
from autodeal_platform.errors import ForbiddenError, UnauthenticatedError
from autodeal_platform.http_app import JSONBody, JsonResponse, PathId
from autodeal_vehicle.app.find_vehicles import VehicleFilter
from autodeal_vehicle.app.page import DEFAULT_LIMIT
from autodeal_vehicle.app.views import SoldVehicleView, VehicleView
from autodeal_vehicle.entrypoints.http.answers import AnyRequest, answered, paged, unsafe_request
from autodeal_vehicle.entrypoints.http.bodies import (
    AmountFilter,
    Cursor,
    IdempotencyKey,
    Limit,
    NameFilter,
    VehicleBody,
    YearFilter,
    cents_or_none,
)
from autodeal_vehicle.entrypoints.http.use_cases import UseCases

TAGS = ["Vehicles"]


def vehicle_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    """Return every route about vehicles, bound to the use cases."""
    return [*_reading_routes(use_cases), _sold_route(use_cases), *_writing_routes(use_cases)]


def _reading_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    @get(
        "/vehicle/{vehicle_id:int}",
        tags=TAGS,
        operation_id="getVehicle",
        summary="Show a vehicle",
        responses=doc.refuses(vehicle_not_found=404, validation_failed=422, **doc.UNAVAILABLE),
    )
    async def show_vehicle(vehicle_id: PathId) -> VehicleView:
        """Show one vehicle, whatever its state."""
        return await use_cases.find_vehicles.one(vehicle_id)

    @get(
        "/vehicles",
        tags=TAGS,
        operation_id="listVehicles",
        summary="List the vehicles for sale",
        responses={
            **doc.succeeds(200, list[VehicleView], "The page; `Link` leads to the next one."),
            **doc.refuses(**doc.IS_LIST, **doc.UNAVAILABLE),
        },
    )
    async def list_vehicles(
        *,
        request: AnyRequest,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        brand: NameFilter = None,
        model: NameFilter = None,
        color: NameFilter = None,
        year_min: YearFilter = None,
        year_max: YearFilter = None,
        price_min: AmountFilter = None,
        price_max: AmountFilter = None,
    ) -> JsonResponse[Sequence[VehicleView]]:
        """List what can be bought, cheapest first. Names are compared without regard to case."""
        wanted = VehicleFilter(
            brand=brand,
            model=model,
            color=color,
            year_min=year_min,
            year_max=year_max,
            price_min_cents=cents_or_none(price_min),
            price_max_cents=cents_or_none(price_max),
        )
        return paged(request, await use_cases.find_vehicles.for_sale(wanted, limit, cursor))

    return [show_vehicle, list_vehicles]


def _sold_route(use_cases: UseCases) -> HTTPRouteHandler:
    @get(
        "/vehicles/sold",
        tags=TAGS,
        operation_id="listSoldVehicles",
        summary="List the vehicles that were sold",
        responses={
            **doc.succeeds(200, list[SoldVehicleView], "The page; `Link` leads to the next one."),
            **doc.refuses(**doc.IS_LIST, **doc.NEEDS_GROUP, **doc.UNAVAILABLE),
        },
    )
    async def list_sold_vehicles(
        request: AnyRequest,
        optional_principal: OptionalPrincipal,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        user_id: NameFilter = None,
    ) -> JsonResponse[Sequence[SoldVehicleView]]:
        """List what was sold, cheapest first. Only an administrator may ask for one buyer's by `user_id`."""
        if user_id is not None and optional_principal is None:
            raise UnauthenticatedError
        if user_id is not None and not (optional_principal and optional_principal.is_admin):
            raise ForbiddenError
        return paged(request, await use_cases.find_vehicles.sold(user_id, limit, cursor))

    return list_sold_vehicles


def _writing_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    refusals = {**doc.TAKES_BODY, **doc.TAKES_KEY, **doc.NEEDS_GROUP, **doc.UNAVAILABLE}

    @post(
        "/vehicle",
        guards=[require_admin],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="registerVehicle",
        summary="Put a vehicle on offer",
        responses={**doc.succeeds(201, VehicleView, "The new vehicle."), **doc.refuses(**refusals)},
    )
    async def register_vehicle(
        data: JSONBody[VehicleBody],
        request: AnyRequest,
        principal: CurrentPrincipal,
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[bytes]:
        """Add a vehicle; a brand that nobody named before is created."""
        asked = await unsafe_request(request, principal, idempotency_key, 201)
        return answered(await use_cases.register_vehicle(data.to_details(), asked))

    @put(
        "/vehicle/{vehicle_id:int}",
        guards=[require_admin],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="editVehicle",
        summary="Correct a vehicle",
        responses={
            **doc.succeeds(200, VehicleView, "The vehicle as it is now."),
            **doc.refuses(vehicle_not_found=404, vehicle_not_editable=409, **refusals),
        },
    )
    async def edit_vehicle(
        vehicle_id: PathId,
        data: JSONBody[VehicleBody],
        request: AnyRequest,
        principal: CurrentPrincipal,
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[bytes]:
        """Replace what is said about a vehicle that nobody has reserved or bought."""
        asked = await unsafe_request(request, principal, idempotency_key, 200)
        return answered(await use_cases.edit_vehicle(vehicle_id, data.to_details(), asked))

    return [register_vehicle, edit_vehicle]
