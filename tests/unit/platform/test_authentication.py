from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from autodeal_platform.fake_user_pool import SUBJECT, FakeUserPool

Client = AsyncTestClient[Litestar]


async def test_caller_is_known_when_the_token_is_good(client: Client, pool: FakeUserPool) -> None:
    response = await client.get("/me", headers=pool.authorization("Buyer"))
    assert response.json() == {"subject": SUBJECT, "groups": ["Buyer"]}


@pytest.mark.parametrize("path", ["/me", "/admin", "/buyer"])
async def test_route_is_closed_when_there_is_no_token(client: Client, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "bearer x.y.z", "Bearer é", "x"]
)
async def test_route_is_closed_when_the_header_holds_no_token(client: Client, value: str) -> None:
    for path in ("/me", "/maybe"):
        response = await client.get(path, headers=[(b"authorization", value.encode())])
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


async def test_route_is_closed_when_there_are_two_tokens(client: Client, pool: FakeUserPool) -> None:
    both = [
        ("authorization", f"Bearer {pool.token()}"),
        ("authorization", f"Bearer {pool.token(groups=['Admin'])}"),
    ]
    assert (await client.get("/admin", headers=both)).status_code == 401


async def test_expiry_is_told_when_a_token_is_old(client: Client, pool: FakeUserPool) -> None:
    headers = {"authorization": f"Bearer {pool.token(lifetime_s=-60)}"}
    response = await client.get("/me", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "token_expired")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("path", "group", "status"),
    [
        ("/admin", "Admin", 200),
        ("/admin", "Buyer", 403),
        ("/admin", "admin", 403),
        ("/buyer", "Buyer", 200),
        ("/buyer", "Admin", 403),
    ],
)
async def test_group_decides_when_a_route_is_for_one(
    client: Client, pool: FakeUserPool, path: str, group: str, status: int
) -> None:
    response = await client.get(path, headers=pool.authorization(group))
    assert response.status_code == status
    assert status == 200 or response.json()["code"] == "forbidden"


async def test_public_route_knows_the_caller_when_there_is_one(client: Client, pool: FakeUserPool) -> None:
    assert (await client.get("/maybe")).json() == {"subject": None}
    assert (await client.get("/maybe", headers=pool.authorization())).json() == {"subject": SUBJECT}


async def test_caller_may_come_back_when_keys_cannot_be_had(client: Client, pool: FakeUserPool) -> None:
    pool.reachable = False
    try:
        response = await client.get("/me", headers=pool.authorization())
    finally:
        pool.reachable = True
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"]
