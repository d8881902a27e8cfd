"""The routes that the gateway forwards: to whom, for whom, and for how long.

What is not in this table is not reachable from outside, whatever the services serve.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Upstream(StrEnum):
    """The services behind the gateway."""

    VEHICLE = "vehicle"
    PAYMENT = "payment"


class Access(StrEnum):
    """Who may call a route; the service checks again, and whose order it is only the service knows."""

    ANYONE = "anyone"
    SIGNED_IN = "signed_in"
    BUYER = "buyer"
    ADMIN = "admin"


class Pace(StrEnum):
    """How long a route may take."""

    PLAIN = "plain"
    """Answers within the upstream deadline."""
    PROVIDER = "provider"
    """Waits for the payment provider inside, so it gets the longer deadline."""
    STREAM = "stream"
    """Lasts for as long as something comes at least every so often."""


@dataclass(frozen=True)
class ForwardedRoute:
    """One row: a method and a path template, and where it goes."""

    method: str
    template: str
    upstream: Upstream
    access: Access
    pace: Pace = Pace.PLAIN


_VEHICLE, _PAYMENT = Upstream.VEHICLE, Upstream.PAYMENT

FORWARDED_ROUTES: tuple[ForwardedRoute, ...] = (
    ForwardedRoute("POST", "/vehicle", _VEHICLE, Access.ADMIN),
    ForwardedRoute("GET", "/vehicle/{vehicle_id}", _VEHICLE, Access.ANYONE),
    ForwardedRoute("PUT", "/vehicle/{vehicle_id}", _VEHICLE, Access.ADMIN),
    ForwardedRoute("POST", "/vehicle/{vehicle_id}/initialize-sale", _VEHICLE, Access.BUYER),
    ForwardedRoute("PUT", "/vehicle/{vehicle_id}/confirm-pickup", _VEHICLE, Access.ADMIN),
    ForwardedRoute("GET", "/vehicles", _VEHICLE, Access.ANYONE),
    ForwardedRoute("GET", "/vehicles/sold", _VEHICLE, Access.ANYONE),
    ForwardedRoute("GET", "/orders", _VEHICLE, Access.SIGNED_IN),
    ForwardedRoute("GET", "/orders/{order_id}", _VEHICLE, Access.SIGNED_IN),
    ForwardedRoute("GET", "/orders/{order_id}/events", _VEHICLE, Access.SIGNED_IN, Pace.STREAM),
    ForwardedRoute("POST", "/orders/{order_id}/cancel", _VEHICLE, Access.SIGNED_IN),
    ForwardedRoute("POST", "/orders/{order_id}/refund", _VEHICLE, Access.ADMIN),
    ForwardedRoute("POST", "/payment", _PAYMENT, Access.SIGNED_IN, Pace.PROVIDER),
    ForwardedRoute("GET", "/payment", _PAYMENT, Access.SIGNED_IN),
    ForwardedRoute("GET", "/payment/{payment_id}", _PAYMENT, Access.SIGNED_IN),
)
"""Every forwarded route of the platform, in the order of the API document."""


Methods = Mapping[str, ForwardedRoute]
"""The routes of one path template, by method."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
"""What an id is made of. Nothing in it needs encoding, so a path means to the service exactly what it
was checked to be here; whether such an id exists is the service's to say."""


class RouteTable:
    """Finds the routes of a path without trying one after the other."""

    def __init__(self, routes: Iterable[ForwardedRoute] = FORWARDED_ROUTES) -> None:
        self._fixed: dict[str, dict[str, ForwardedRoute]] = {}
        self._with_id: dict[tuple[str, ...], dict[str, ForwardedRoute]] = {}
        for route in routes:
            _, first, *rest = route.template.split("/")
            if not rest or not rest[0].startswith("{"):
                self._fixed.setdefault(route.template, {})[route.method] = route
            else:
                self._with_id.setdefault((first, *rest[1:]), {})[route.method] = route

    def find(self, path: str) -> Methods | None:
        """Return what may be done at a path, by method; None when nothing is forwarded there."""
        found = self._fixed.get(path)
        if found is not None:
            return found
        parts = path.split("/")
        if len(parts) < 3 or parts[0] or not _ID.fullmatch(parts[2]):  # noqa: PLR2004  "", name, id
            return None
        return self._with_id.get((parts[1], *parts[3:]))
