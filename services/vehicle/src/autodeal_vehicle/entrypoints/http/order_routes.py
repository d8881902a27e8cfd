"""Orders: for their buyers and for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from autodeal_contracts.saga import OrderState
from autodeal_platform import describe_answers as doc
from autodeal_platform.authentication import CurrentPrincipal, require_admin, require_any
from autodeal_platform.http_app import JsonResponse, PathId
from autodeal_vehicle.app.page import DEFAULT_LIMIT
from autodeal_vehicle.app.views import OrderView
from autodeal_vehicle.entrypoints.http.answers import (
    AnyRequest,
    answered,
    paged,
    unsafe_request,
    viewer_of,
)
from autodeal_vehicle.entrypoints.http.bodies import Cursor, IdempotencyKey, Limit, NameFilter
from autodeal_vehicle.entrypoints.http.use_cases import UseCases

TAGS = ["Orders"]
StatusFilter = Annotated[OrderState | None, QueryParameter()]


def order_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    """Return the routes about orders, bound to the use cases."""
    return [*_reading_routes(use_cases), _cancel_route(use_cases), _refund_route(use_cases)]


def _reading_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    @get(
        "/orders/{order_id:int}",
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="getOrder",
        summary="Show an order",
        responses=doc.refuses(
            order_not_found=404, validation_failed=422, **doc.NEEDS_TOKEN, **doc.UNAVAILABLE
        ),
    )
    async def show_order(order_id: PathId, principal: CurrentPrincipal) -> OrderView:
        """Show an order's state, how to pay it, and its timeline. Other people's orders do not exist."""
        return await use_cases.find_orders.one(order_id, viewer_of(principal))

    @get(
        "/orders",
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="listOrders",
        summary="List my orders",
        responses={
            **doc.succeeds(200, list[OrderView], "The page; `Link` leads to the next one."),
            **doc.refuses(**doc.IS_LIST, **doc.NEEDS_TOKEN, **doc.UNAVAILABLE),
        },
    )
    async def list_orders(
        *,
        request: AnyRequest,
        principal: CurrentPrincipal,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        status: StatusFilter = None,
        user_id: NameFilter = None,
    ) -> JsonResponse[Sequence[OrderView]]:
        """List the caller's orders, newest first; an administrator sees everybody's, or one `user_id`'s."""
        viewer = viewer_of(principal)
        return paged(request, await use_cases.find_orders.many(viewer, user_id, status, limit, cursor))

    return [show_order, list_orders]


def _cancel_route(use_cases: UseCases) -> HTTPRouteHandler:
    @post(
        "/orders/{order_id:int}/cancel",
        status_code=200,
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="cancelOrder",
        summary="Cancel an order that is not paid",
        responses={
            **doc.succeeds(200, OrderView, "The cancelled order."),
            **doc.refuses(
                order_not_found=404,
                order_not_draft=409,
                **doc.TAKES_KEY,
                **doc.NEEDS_TOKEN,
                **doc.UNAVAILABLE,
            ),
        },
    )
    async def cancel_order(
        order_id: PathId,
        request: AnyRequest,
        principal: CurrentPrincipal,
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[bytes]:
        """Give up a draft order: the vehicle is for sale again, and money that still comes goes back."""
        asked = await unsafe_request(request, principal, idempotency_key, 200)
        return answered(await use_cases.cancel_order(order_id, viewer_of(principal), asked))

    return cancel_order


def _refund_route(use_cases: UseCases) -> HTTPRouteHandler:
    @post(
        "/orders/{order_id:int}/refund",
        status_code=200,
        guards=[require_admin],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="refundOrder",
        summary="Return a buyer's money",
        responses={
            **doc.succeeds(200, OrderView, "The order, which is being refunded."),
            **doc.refuses(
                order_not_found=404,
                order_not_refundable=409,
                **doc.TAKES_KEY,
                **doc.NEEDS_GROUP,
                **doc.UNAVAILABLE,
            ),
        },
    )
    async def refund_order(
        order_id: PathId,
        request: AnyRequest,
        principal: CurrentPrincipal,
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[bytes]:
        """Ask the provider to return the money of a sold order; the vehicle is for sale again after that."""
        asked = await unsafe_request(request, principal, idempotency_key, 200)
        return answered(await use_cases.refund_order(order_id, asked))

    return refund_order
