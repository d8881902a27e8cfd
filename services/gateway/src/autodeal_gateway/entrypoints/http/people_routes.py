"""Register, log in, look at oneself, leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler

from autodeal_gateway.app.delete_person import Eraser, OrderBook, delete_person
from autodeal_gateway.app.log_in import Doorkeeper, log_in
from autodeal_gateway.app.register_person import Registrar, register_person
from autodeal_gateway.app.show_profile import ProfileReader, show_profile
from autodeal_gateway.entrypoints.http.people_bodies import LoginBody, ProfileBody, RegisterBody, TokensBody
from autodeal_platform import describe_answers as doc
from autodeal_platform.authentication import CurrentPrincipal, bearer_token, require_any
from autodeal_platform.http_app import JSONBody, JsonResponse

ASKS_COGNITO = {"too_many_requests": 429, "identity_unavailable": 503}

TAGS = ["People"]
PRIVATE = {"cache-control": "no-store"}
"""No cache on the way may keep a person or a token."""


class People(Registrar, Doorkeeper, ProfileReader, Eraser, Protocol):
    """Everything the routes need of the identity provider."""


def people_routes(people: People, orders: OrderBook, now: Callable[[], datetime]) -> list[HTTPRouteHandler]:
    """Return the routes about people, bound to where people are kept."""
    return [_register_route(people, now), _login_route(people), *_my_routes(people, orders)]


def _register_route(people: People, now: Callable[[], datetime]) -> HTTPRouteHandler:
    @post(
        "/user",
        tags=TAGS,
        operation_id="registerPerson",
        summary="Register as a buyer",
        responses={
            **doc.succeeds(201, ProfileBody, "The person may log in and buy."),
            **doc.refuses(email_taken=409, registration_in_progress=409, **doc.TAKES_BODY, **ASKS_COGNITO),
        },
    )
    async def register(data: JSONBody[RegisterBody]) -> JsonResponse[ProfileBody]:
        """Register a person, who may log in and buy from then on."""
        person = await register_person(people, data.to_form(), now=now())
        return JsonResponse(ProfileBody.of_registered(person), headers=PRIVATE)

    return register


def _login_route(people: People) -> HTTPRouteHandler:
    @post(
        "/login",
        status_code=200,
        tags=TAGS,
        operation_id="logIn",
        summary="Log in",
        responses={
            **doc.succeeds(200, TokensBody, "The right e-mail address and password."),
            **doc.refuses(
                invalid_credentials=401,
                password_change_required=403,
                **doc.TAKES_BODY,
                **ASKS_COGNITO,
            ),
        },
    )
    async def login(data: JSONBody[LoginBody]) -> JsonResponse[TokensBody]:
        """Exchange an e-mail address and a password for tokens.

        An unknown address and a wrong password are refused alike.
        """
        tokens = await log_in(people, email=data.email, password=data.password)
        return JsonResponse(TokensBody.of(tokens), headers=PRIVATE)

    return login


def _my_routes(people: People, orders: OrderBook) -> list[HTTPRouteHandler]:
    @get(
        "/user",
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="showMyProfile",
        summary="Show my profile",
        responses={
            **doc.succeeds(200, ProfileBody, "The caller."),
            **doc.refuses(not_found=404, **doc.NEEDS_TOKEN, **ASKS_COGNITO),
        },
    )
    async def show_me(principal: CurrentPrincipal) -> JsonResponse[ProfileBody]:
        """Show what is kept about the caller; the CPF is masked."""
        profile = await show_profile(people, subject=principal.subject)
        return JsonResponse(ProfileBody.of(profile), headers=PRIVATE)

    @delete(
        "/user",
        guards=[require_any],
        security=doc.BEARER,
        tags=TAGS,
        operation_id="deleteMyAccount",
        summary="Delete my account",
        responses=doc.refuses(sale_open=409, upstream_unavailable=503, **doc.NEEDS_TOKEN, **ASKS_COGNITO),
    )
    async def delete_me(principal: CurrentPrincipal, request: Request[Any, Any, Any]) -> None:
        """Erase the caller's personal data, unless an order of theirs is unpaid or awaits its money back."""
        token = bearer_token(request)
        assert token is not None  # The guard has verified it.
        await delete_person(people, orders, subject=principal.subject, token=token)

    return [show_me, delete_me]
