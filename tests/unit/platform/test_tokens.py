from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest

from autodeal_platform.errors import TokenExpiredError, UnauthenticatedError, UnavailableError
from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.signing_keys import SigningKeys
from autodeal_platform.tokens import MAX_CACHED_TOKENS, TokenVerifier


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> FakeUserPool:
    return FakeUserPool(clock=clock)


@pytest.fixture
def verifier(pool: FakeUserPool) -> TokenVerifier:
    return pool.verifier(leeway_s=5)


def encode_part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("use", ["access", "id"])
async def test_principal_is_returned_when_the_token_is_genuine(
    verifier: TokenVerifier, pool: FakeUserPool, use: str
) -> None:
    principal = await verifier.verify(pool.token(subject="someone", groups=["Admin"], use=use))
    assert principal.subject == "someone"
    assert principal.token_use == use
    assert principal.is_admin
    assert not principal.is_buyer


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"},
        {"iss": None},
        {"client_id": "another-client"},
        {"client_id": None},
        {"client_id": None, "aud": "fake-client"},
        {"token_use": "refresh"},
        {"token_use": None},
        {"token_use": ["access"]},
        {"sub": None},
        {"sub": ""},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"nbf": 1_800_000_100},
        {"iat": 1_800_000_100},
        {"cognito:groups": "Admin"},
    ],
    ids=str,
)
async def test_token_is_refused_when_a_claim_is_wrong(
    verifier: TokenVerifier, pool: FakeUserPool, claims: dict[str, Any]
) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        await verifier.verify(pool.token(claims=claims))
    assert caught.value.code == "unauthenticated"


async def test_token_is_refused_when_another_pool_signed_it(verifier: TokenVerifier, clock: Clock) -> None:
    forger = FakeUserPool(clock=clock)
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(forger.token(groups=["Admin"]))


async def test_token_is_refused_when_its_claims_were_changed(
    verifier: TokenVerifier, pool: FakeUserPool
) -> None:
    header, payload, signature = pool.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"cognito:groups": ["Admin"]}
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(f"{header}.{encode_part(claims)}.{signature}")


async def test_token_is_refused_when_it_is_unsigned(verifier: TokenVerifier, pool: FakeUserPool) -> None:
    _, payload, signature = pool.token().split(".")
    for algorithm in ("none", "None", "NONE"):
        header = encode_part({"alg": algorithm, "kid": pool.key_id, "typ": "JWT"})
        for end in ("", signature):
            with pytest.raises(UnauthenticatedError):
                await verifier.verify(f"{header}.{payload}.{end}")


async def test_token_is_refused_when_signed_with_the_public_key_as_a_shared_secret(
    verifier: TokenVerifier, pool: FakeUserPool
) -> None:
    _, payload, _ = pool.token(groups=["Admin"]).split(".")
    head = f"{encode_part({'alg': 'HS256', 'kid': pool.key_id})}.{payload}"
    digest = hmac.new(pool.key_set(), head.encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(f"{head}.{signature}")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "x" * 9000,
        "é.é.é",
        "e30.e30.e30",
        encode_part({"alg": "RS256", "kid": 5}) + ".e30.e30",
    ],
)
async def test_token_is_refused_when_it_is_none(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(token)


async def test_token_expires_when_its_time_and_the_leeway_are_over(
    verifier: TokenVerifier, pool: FakeUserPool, clock: Clock
) -> None:
    seen, unseen = pool.token(lifetime_s=60, subject="a"), pool.token(lifetime_s=60, subject="b")
    await verifier.verify(seen)
    clock.now += 64
    await verifier.verify(seen)
    clock.now += 1
    for token in (seen, unseen):
        with pytest.raises(TokenExpiredError) as caught:
            await verifier.verify(token)
        assert caught.value.code == "token_expired"


async def test_expiry_is_told_only_of_genuine_tokens_when_they_are_old(
    verifier: TokenVerifier, clock: Clock
) -> None:
    forged = FakeUserPool(clock=clock).token(lifetime_s=-100)
    with pytest.raises(UnauthenticatedError) as caught:
        await verifier.verify(forged)
    assert caught.value.code == "unauthenticated"


async def test_signature_is_checked_once_when_a_token_comes_again(
    verifier: TokenVerifier, pool: FakeUserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = pool.token()
    first = await verifier.verify(token)
    monkeypatch.setattr(jwt, "decode", None)
    assert await verifier.verify(token) is first


async def test_memory_is_bounded_when_tokens_are_many(verifier: TokenVerifier, pool: FakeUserPool) -> None:
    principal = await verifier.verify(pool.token())
    for number in range(MAX_CACHED_TOKENS):
        verifier._verified[number.to_bytes(32, "big")] = principal
    await verifier.verify(pool.token(subject="one more"))
    assert len(verifier._verified) <= MAX_CACHED_TOKENS + 1


async def test_answer_is_unavailable_not_unauthenticated_when_keys_cannot_be_had(pool: FakeUserPool) -> None:
    pool.reachable = False
    keys = SigningKeys("https://keys", fetch=pool.fetch, retry_pause_s=0)
    verifier = pool.verifier(keys=keys)
    with pytest.raises(UnavailableError):
        await verifier.verify(pool.token())
    pool.reachable = True
    assert (await verifier.verify(pool.token())).subject
