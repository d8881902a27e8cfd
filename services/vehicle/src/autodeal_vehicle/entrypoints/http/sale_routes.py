"""Selling a vehicle: a buyer reserves it, an administrator hands it over."""

from __future__ import annotations

from litestar import post, put
from litestar.handlers import HTTPRouteHandler

from autodeal_platform import describe_answers as doc
from autodeal_platform.authentication import CurrentPrincipal, require_admin, require_buyer
from autodeal_platform.http_app import JSONBody, JsonResponse, PathId
from autodeal_vehicle.app.initialize_sale import InitializeSaleCommand
from autodeal_vehicle.app.views import OrderView, SaleStarted
from autodeal_vehicle.entrypoints.http.answers import AnyRequest, answered, unsafe_request
from autodeal_vehicle.entrypoints.http.bodies import IdempotencyKey, InitializeSaleBody
from autodeal_vehicle.entrypoints.http.use_cases import UseCases

TAGS = ["Sales"]


def sale_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    """Return the routes of a sale, bound to the use cases."""
    return [_initialize_sale_route(use_cases), _confirm_pickup_route(use_cases)]


def _initialize_sale_route(use_cases: UseCases) -> HTTPRouteHandler:
    @post(
        "/vehicle/{vehicle_id:int}/initialize-sale",
        guards=[require_buyer],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="initializeSale",
        summary="Reserve a vehicle",
        responses={
            **doc.succeeds(201, SaleStarted, "The vehicle is reserved until `expires_at`."),
            **doc.refuses(
                vehicle_not_found=404,
                vehicle_not_available=409,
                **doc.TAKES_BODY,
                **doc.TAKES_KEY,
                **doc.NEEDS_GROUP,
                **doc.UNAVAILABLE,
            ),
        },
    )
    async def initialize_sale(
        vehicle_id: PathId,
        request: AnyRequest,
        principal: CurrentPrincipal,
        data: JSONBody[InitializeSaleBody | None] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[bytes]:
        """Reserve a vehicle for the caller, who then pays; of many who want it at once, one gets it."""
        command = InitializeSaleCommand(
            vehicle_id=vehicle_id,
            payment_method=(data or InitializeSaleBody()).method,
            request=await unsafe_request(request, principal, idempotency_key, 201),
        )
        return answered(await use_cases.initialize_sale(command))

    return initialize_sale


def _confirm_pickup_route(use_cases: UseCases) -> HTTPRouteHandler:
    @put(
        "/vehicle/{vehicle_id:int}/confirm-pickup",
        guards=[require_admin],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="confirmPickup",
        summary="Hand a sold vehicle over",
        responses={
            **doc.succeeds(200, OrderView, "The order of the vehicle."),
            **doc.refuses(
                vehicle_not_found=404,
                pickup_not_possible=409,
                **doc.TAKES_KEY,
                **doc.NEEDS_GROUP,
                **doc.UNAVAILABLE,
            ),
        },
    )
    async def confirm_pickup(
        vehicle_id: PathId,
        request: AnyRequest,
        principal: CurrentPrincipal,
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[bytes]:
        """Note that the buyer has the vehicle; it must be sold and paid."""
        asked = await unsafe_request(request, principal, idempotency_key, 200)
        return answered(await use_cases.confirm_pickup(vehicle_id, asked))

    return confirm_pickup
