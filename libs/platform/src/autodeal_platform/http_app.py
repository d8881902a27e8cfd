"""The HTTP application of any service: routes in, everything around them settled.

Handlers declare `data: JSONBody[SomeRequest]` (a `RequestBody`), return a `ResponseBody` or plain data, raise
domain errors, and know nothing of problems, tokens, metrics or logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.openapi import OpenAPIConfig
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.serialization import default_serializer
from litestar.types import (
    ControllerRouterHandler,
    LifespanHook,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
    Serializer,
    TypeDecodersSequence,
)

from autodeal_platform.authentication import VERIFIER_KEY, principal_dependencies
from autodeal_platform.describe_money import DescribeMoney
from autodeal_platform.errors import UnsupportedMediaTypeError
from autodeal_platform.health import Health
from autodeal_platform.json_codec import RequestBody, ResponseBody, decode_json, encode_json
from autodeal_platform.money import Amount, amount_from_text
from autodeal_platform.observe_requests import ObserveRequests
from autodeal_platform.probe_routes import probe_routes
from autodeal_platform.problems import problem_handlers
from autodeal_platform.settings import HttpSettings
from autodeal_platform.tokens import TokenVerifier

__all__ = (
    "JSONBody",
    "JsonRequest",
    "JsonResponse",
    "PathId",
    "QueryId",
    "RequestBody",
    "ResponseBody",
    "create_app",
)

MAX_ID = 2**63 - 1
PathId = Annotated[int, PathParameter(ge=1, le=MAX_ID)]
"""An integer id in a path: what a bigint column can hold, and refused with 422 otherwise."""
QueryId = Annotated[int, QueryParameter(ge=1, le=MAX_ID)]
"""The same in a query."""

Content = TypeVar("Content")


@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    media_type = content_type.partition(b";")[0].strip().lower()
    return media_type == b"application/json" or media_type.endswith(b"+json")


class JsonRequest(Request[Any, Any, Any]):
    """Reads a body straight into the type that the handler declares.

    Litestar's own way, by untyped data first, would turn money into binary floats.
    """

    async def json(self) -> object:
        """Return the body as the handler's `data`; raises the errors of `decode_json`."""
        # The raw headers: Litestar's parsed ones cost more than the rest of this method.
        for name, value in self.scope["headers"]:
            if name == b"content-type" and not _is_json(value):
                raise UnsupportedMediaTypeError
        field = self.route_handler.parsed_data_field
        return decode_json(await self.body(), field.annotation if field is not None else Any)


class JsonResponse(Response[Content]):
    """Writes JSON with Decimals as numbers; handlers that set headers return this, not Litestar's own."""

    def render(self, content: object, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:
        """Encode the content, leaving bytes as they are."""
        if isinstance(content, bytes):
            return content
        if media_type == "application/json":
            return encode_json(content)
        return super().render(content, media_type, enc_hook)


class ServiceApp(Litestar):
    """A Litestar application with one layer around all of it."""

    _observed: ObserveRequests

    def observe(self, *, body_limit_bytes: int) -> None:
        """Put the layer around the application; to be called once, before it serves."""
        self._observed = ObserveRequests(super().__call__, body_limit_bytes=body_limit_bytes)

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            await self._observed(scope, receive, send)  # type: ignore[arg-type]
        else:
            await super().__call__(scope, receive, send)


def create_app(
    *,
    service: str,
    routes: Sequence[ControllerRouterHandler],
    settings: HttpSettings,
    health: Health,
    statuses: Mapping[type[Exception], int] | None = None,
    verifier: TokenVerifier | None = None,
    dependencies: Mapping[str, Provide] | None = None,
    lifespan: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = (),
    on_startup: Sequence[LifespanHook] = (),
    on_shutdown: Sequence[LifespanHook] = (),
    openapi: OpenAPIConfig | None = None,
) -> Litestar:
    """Return the application of a service.

    `statuses` maps the service's own errors to HTTP statuses; `verifier` may only be left out when
    no route asks who is calling.
    """
    app = ServiceApp(
        [*routes, *probe_routes(health)],
        request_max_body_size=settings.http_body_limit_bytes,
        debug=False,
        pdb_on_exception=False,
        logging_config=None,
        openapi_config=openapi,
        request_class=JsonRequest,
        response_class=JsonResponse,
        exception_handlers=problem_handlers(statuses or {}),
        dependencies={**(principal_dependencies() if verifier is not None else {}), **(dependencies or {})},
        state=State({VERIFIER_KEY: verifier, "service": service}),
        type_decoders=_amount_decoders(),
        plugins=[DescribeMoney()],
        lifespan=list(lifespan),
        on_startup=list(on_startup),
        on_shutdown=list(on_shutdown),
    )
    app.observe(body_limit_bytes=settings.http_body_limit_bytes)
    return app


def _amount_decoders() -> TypeDecodersSequence:
    def is_amount(wanted: object) -> bool:
        return isinstance(wanted, type) and issubclass(wanted, Amount)

    return [(is_amount, amount_from_text)]
