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
from autodeal_platform.authentication import bearer_token, require_any
from autodeal_platform.http_app import JsonResponse
from autodeal_platform.tokens import Principal

TAGS = ["People"]
PRIVATE = {"cache-control": "no-store"}
"""No cache on the way may keep a person or a token."""


class People(Registrar, Doorkeeper, ProfileReader, Eraser, Protocol):
    """Everything the routes need of the identity provider."""


def people_routes(people: People, orders: OrderBook, now: Callable[[], datetime]) -> list[HTTPRouteHandler]:
    """Return the routes about people, bound to where people are kept."""

    @post("/user", status_code=201, tags=TAGS, summary="Register as a buyer")
    async def register(data: RegisterBody) -> JsonResponse[ProfileBody]:
        """Register a person, who may log in and buy from then on.

        409 `email_taken` when the address is registered already.
        """
        person = await register_person(people, data.to_form(), now=now())
        return JsonResponse(ProfileBody.of_registered(person), headers=PRIVATE)

    @post("/login", status_code=200, tags=TAGS, summary="Log in")
    async def login(data: LoginBody) -> JsonResponse[TokensBody]:
        """Exchange an e-mail address and a password for tokens.

        401 `invalid_credentials` alike for an unknown address and a wrong password.
        """
        tokens = await log_in(people, email=data.email, password=data.password)
        return JsonResponse(TokensBody.of(tokens), headers=PRIVATE)

    @get("/user", guards=[require_any], tags=TAGS, summary="Show my profile")
    async def show_me(principal: Principal) -> JsonResponse[ProfileBody]:
        """Show what is kept about the caller; the CPF is masked."""
        profile = await show_profile(people, subject=principal.subject)
        return JsonResponse(ProfileBody.of(profile), headers=PRIVATE)

    @delete("/user", status_code=204, guards=[require_any], tags=TAGS, summary="Delete my account")
    async def delete_me(principal: Principal, request: Request[Any, Any, Any]) -> None:
        """Erase the caller's personal data.

        409 `sale_open` while an order of theirs is unpaid or waits for its money back.
        """
        token = bearer_token(request)
        assert token is not None  # The guard has verified it.
        await delete_person(people, orders, subject=principal.subject, token=token)

    return [register, login, show_me, delete_me]
