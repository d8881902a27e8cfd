from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodeal_gateway.domain.route_table import FORWARDED_ROUTES, Access, ForwardedRoute, RouteTable

TABLE = RouteTable()


@pytest.mark.parametrize("route", FORWARDED_ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_route_is_found_when_its_template_is_filled(route: ForwardedRoute) -> None:
    path = (
        route.template.replace("{vehicle_id}", "12").replace("{order_id}", "7").replace("{payment_id}", "7-1")
    )
    methods = TABLE.find(path)
    assert methods is not None
    assert methods[route.method] is route


@pytest.mark.parametrize(
    "path",
    [
        "/", "", "/healthz", "/metrics", "/vehicle/", "/vehicle/1/", "/vehicle/1/edit", "/vehicle/../metrics",
        "/vehicle/..", "/vehicle/1/initialize-sale/x", "/orders/1%2f2", "/orders/1 2", "/vehicles/1",
        "/payments", "/user", "/webhook", "/vehicle/" + "9" * 65, "/orders//events", "//vehicle",
        "/orders/1/event", "vehicle/1",
    ],
)  # fmt: skip
def test_nothing_is_forwarded_when_the_path_is_not_in_the_table(path: str) -> None:
    assert TABLE.find(path) is None


@given(st.text(max_size=60))
def test_found_paths_need_no_encoding_when_anything_is_asked(text: str) -> None:
    for path in (text, f"/vehicle/{text}", f"/orders/{text}/events"):
        if TABLE.find(path) is not None:
            assert path.isascii()
            assert not set(path) & set("%?#.\\ ")


def test_only_reading_vehicles_is_open_to_anyone_when_listed() -> None:
    public = {(route.method, route.template) for route in FORWARDED_ROUTES if route.access is Access.ANYONE}
    assert public == {("GET", "/vehicle/{vehicle_id}"), ("GET", "/vehicles"), ("GET", "/vehicles/sold")}
