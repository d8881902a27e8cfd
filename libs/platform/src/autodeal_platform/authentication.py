"""Litestar glue: who calls a route, and who may.

Guards say who may (`guards=[require_buyer]`); a handler that wants to know who it is declares
`principal: CurrentPrincipal`, or `optional_principal: OptionalPrincipal` on a public route. A token is
looked at only by routes that ask, once per request. No middleware is involved.
"""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency, Provide
from litestar.handlers.base import BaseRouteHandler

from autodeal_platform.errors import ForbiddenError, UnauthenticatedError
from autodeal_platform.tokens import Principal, TokenVerifier

Connection = ASGIConnection[Any, Any, Any, Any]

CurrentPrincipal = NamedDependency[Principal]
"""The type of a handler's `principal` parameter."""
OptionalPrincipal = NamedDependency[Principal | None]
"""The type of a handler's `optional_principal` parameter."""

VERIFIER_KEY = "autodeal_verifier"
"""Where `create_app` leaves the verifier in the application's state."""
_SCOPE_KEY = "user"


async def authenticate(connection: Connection) -> Principal:
    """Return the caller; raises UnauthenticatedError without a token, or what the verifier says of it."""
    known = connection.scope.get(_SCOPE_KEY)
    if isinstance(known, Principal):
        return known
    token = bearer_token(connection)
    if token is None:
        raise UnauthenticatedError
    verifier: TokenVerifier = connection.app.state[VERIFIER_KEY]
    principal = await verifier.verify(token)
    connection.scope["user"] = principal
    return principal


def bearer_token(connection: Connection) -> str | None:
    """Return the token of the Authorization header; None when there is no such header.

    Raises UnauthenticatedError for a header of another scheme, or more than one.
    """
    values = [value for name, value in connection.scope["headers"] if name == b"authorization"]
    if not values:
        return None
    scheme, _, token = values[0].partition(b" ")
    if len(values) > 1 or scheme.lower() != b"bearer" or not token.isascii():
        raise UnauthenticatedError
    return token.strip().decode("ascii")


async def require_any(connection: Connection, _: BaseRouteHandler) -> None:
    """Let in whoever has a valid token."""
    await authenticate(connection)


async def require_admin(connection: Connection, _: BaseRouteHandler) -> None:
    """Let in the group Admin."""
    if not (await authenticate(connection)).is_admin:
        raise ForbiddenError


async def require_buyer(connection: Connection, _: BaseRouteHandler) -> None:
    """Let in the group Buyer."""
    if not (await authenticate(connection)).is_buyer:
        raise ForbiddenError


async def provide_principal(request: Request[Any, Any, Any]) -> Principal:
    """Give a handler its caller; without a valid token the request ends with 401."""
    return await authenticate(request)


async def provide_optional_principal(request: Request[Any, Any, Any]) -> Principal | None:
    """Give a public route its caller, if there is one; a token that is present must be valid."""
    if bearer_token(request) is None:
        return None
    return await authenticate(request)


def principal_dependencies() -> dict[str, Provide]:
    """Return the dependencies `principal` and `optional_principal`."""
    return {
        "principal": Provide(provide_principal),
        "optional_principal": Provide(provide_optional_principal),
    }
