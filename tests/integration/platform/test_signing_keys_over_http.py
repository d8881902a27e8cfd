from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from autodeal_platform.errors import UnauthenticatedError, UnavailableError
from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.signing_keys import SigningKeys
from autodeal_platform.tokens import TokenVerifier


@pytest.fixture
def pool() -> FakeUserPool:
    return FakeUserPool()


@pytest.fixture
async def address(pool: FakeUserPool) -> AsyncIterator[str]:
    async def show_keys(_: web.Request) -> web.Response:
        pool.fetches += 1
        if not pool.reachable:
            return web.Response(status=500)
        return web.Response(body=pool.key_set(), content_type="application/json")

    application = web.Application()
    application.router.add_get("/.well-known/jwks.json", show_keys)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/.well-known/jwks.json"
    await runner.cleanup()


@pytest.fixture
def verifier(pool: FakeUserPool, address: str) -> TokenVerifier:
    return pool.verifier(keys=SigningKeys(address, refetch_pause_s=0, retry_pause_s=0))


async def test_tokens_of_both_keys_pass_when_the_pool_rotates(
    verifier: TokenVerifier, pool: FakeUserPool
) -> None:
    old = pool.token(subject="before")
    assert (await verifier.verify(old)).subject == "before"
    pool.rotate_key()
    assert (await verifier.verify(pool.token(subject="after"))).subject == "after"
    assert (await verifier.verify(old)).subject == "before"
    assert pool.fetches == 2


async def test_token_is_neither_believed_nor_refused_when_the_pool_is_down(
    verifier: TokenVerifier, pool: FakeUserPool
) -> None:
    pool.reachable = False
    with pytest.raises(UnavailableError):
        await verifier.verify(pool.token())
    pool.reachable = True
    assert (await verifier.verify(pool.token())).token_use == "access"


async def test_token_is_refused_when_the_pool_never_had_its_key(
    verifier: TokenVerifier, pool: FakeUserPool
) -> None:
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(FakeUserPool(issuer=pool.issuer).token(subject="forged"))
