"""Payments: for the buyers of their orders and for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from autodeal_payment.app.choose_payment import ChoosePaymentCommand
from autodeal_payment.app.payment_view import PaymentView, view
from autodeal_payment.app.ports.payment_queries import PaymentFilter
from autodeal_payment.domain.errors import OrderNotReadyError
from autodeal_payment.domain.sale_acts import RequestKey
from autodeal_payment.entrypoints.http.bodies import (
    DEFAULT_LIMIT,
    ChoosePaymentBody,
    Cursor,
    IdempotencyKey,
    KeyFilter,
    Limit,
    PaymentId,
    StatusFilter,
)
from autodeal_payment.entrypoints.http.problem_statuses import answer_not_ready
from autodeal_payment.entrypoints.http.use_cases import UseCases
from autodeal_platform import describe_answers as doc
from autodeal_platform.authentication import CurrentPrincipal, require_any
from autodeal_platform.http_app import MAX_ID, JSONBody, JsonResponse
from autodeal_platform.idempotency import digest_key, fingerprint, validate_key

TAGS = ["Payments"]
AnyRequest = Request[Any, Any, Any]
OrderFilter = Annotated[int | None, QueryParameter(ge=1, le=MAX_ID)]


def payment_routes(use_cases: UseCases) -> list[HTTPRouteHandler]:
    """Return the routes about payments, bound to the use cases."""
    return [_choosing_route(use_cases), _showing_route(use_cases), _listing_route(use_cases)]


def _choosing_route(use_cases: UseCases) -> HTTPRouteHandler:
    @post(
        "/payment",
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="choosePayment",
        summary="Choose how to pay an order, or try again",
        exception_handlers={OrderNotReadyError: answer_not_ready},
        responses={
            **doc.succeeds(201, PaymentView, "The payment, with what the buyer needs in order to pay."),
            **doc.refuses(
                not_found=404,
                order_not_ready=409,
                order_not_open=409,
                order_already_paid=409,
                too_many_attempts=409,
                **doc.TAKES_BODY,
                **doc.TAKES_KEY,
                **doc.NEEDS_TOKEN,
                **doc.UNAVAILABLE,
            ),
        },
    )
    async def choose_payment(
        data: JSONBody[ChoosePaymentBody],
        request: AnyRequest,
        principal: CurrentPrincipal,
        idempotency_key: IdempotencyKey = None,
    ) -> JsonResponse[PaymentView]:
        """Make a payment of one's own open order by Pix, boleto or card token.

        A payment of the order that still waits is called off first; if it turns out to be paid, it counts
        and no other is made. A status of `requested` or `unknown` means that the provider has not answered
        yet: the payment goes on by itself. An order that was begun just now may not be known yet: 409
        `order_not_ready`, try again after a second.
        """
        command = ChoosePaymentCommand(
            order_id=data.order_id,
            buyer_id=principal.subject,
            method=data.payment_method,
            card=data.submission,
            key=await _request_key(request, principal.subject, idempotency_key),
        )
        return JsonResponse(await use_cases.choose_payment(command), status_code=201)

    return choose_payment


async def _request_key(request: AnyRequest, caller: str, key: str | None) -> RequestKey | None:
    """Return what tells this request, sent again, from another one; None without a key."""
    if key is None:
        return None
    return RequestKey(
        digest=digest_key(validate_key(key), caller),
        fingerprint=fingerprint(request.method, request.scope["path"], await request.body()),
    )


def _showing_route(use_cases: UseCases) -> HTTPRouteHandler:
    @get(
        "/payment/{payment_id:str}",
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="getPayment",
        summary="Show a payment",
        responses=doc.refuses(not_found=404, **doc.NEEDS_TOKEN, **doc.UNAVAILABLE),
    )
    async def show_payment(payment_id: PaymentId, principal: CurrentPrincipal) -> PaymentView:
        """Show a payment's state and how to pay it. Other people's payments do not exist."""
        return await use_cases.find_payments.one(
            payment_id, caller=principal.subject, is_admin=principal.is_admin
        )

    return show_payment


def _listing_route(use_cases: UseCases) -> HTTPRouteHandler:
    @get(
        "/payment",
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="listPayments",
        summary="List my payments",
        responses={
            **doc.succeeds(200, list[PaymentView], "The page; `Link` leads to the next one."),
            **doc.refuses(**doc.IS_LIST, **doc.NEEDS_TOKEN, **doc.UNAVAILABLE),
        },
    )
    async def list_payments(
        *,
        request: AnyRequest,
        principal: CurrentPrincipal,
        order_id: OrderFilter = None,
        idempotency_key: KeyFilter = None,
        status: StatusFilter = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> JsonResponse[Sequence[PaymentView]]:
        """List the caller's payments, newest first; an administrator sees everybody's.

        A page that a filter left short may still have a next one.
        """
        page = await use_cases.find_payments.some(
            PaymentFilter(order_id=order_id, status=status),
            idempotency_key=idempotency_key,
            caller=principal.subject,
            is_admin=principal.is_admin,
            limit=limit,
            cursor=cursor,
        )
        headers = {} if page.cursor is None else {"link": _next_page(request, page.cursor)}
        return JsonResponse([view(payment) for payment in page.payments], headers=headers)

    return list_payments


def _next_page(request: AnyRequest, cursor: str) -> str:
    asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = [(name, value) for name, value in asked if name != "cursor"]
    return f'<{request.scope["path"]}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'
