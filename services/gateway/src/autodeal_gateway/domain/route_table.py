"""The routes that the gateway forwards: to whom, for whom, and for how long.

What is not in this table is not reachable from outside, whatever the services serve.
"""

from __future__ import annotations

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


def routes_by_template() -> dict[str, dict[str, ForwardedRoute]]:
    """Return the table by path template, then by method."""
    found: dict[str, dict[str, ForwardedRoute]] = {}
    for route in FORWARDED_ROUTES:
        found.setdefault(route.template, {})[route.method] = route
    return found
