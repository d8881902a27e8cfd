"""One token for all who ask, renewed ahead of time, and nobody waits while there is a valid one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY

from autodeal_platform.fresh_token import (
    MARGIN_SECONDS,
    RENEW_BEFORE_SECONDS,
    RETRY_SECONDS,
    FreshToken,
    IssuedToken,
    TokenUnavailableError,
)

LIFE = 900.0


@dataclass
class Signer:
    """Issues numbered tokens; while closed it blocks its thread, as a slow metadata service would."""

    now: float = 0.0
    fails: bool = False
    issued: int = 0
    open: threading.Event = field(default_factory=threading.Event)
    threads: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.open.set()

    def __call__(self) -> IssuedToken:
        assert self.open.wait(30)
        self.threads.add(threading.get_ident())
        if self.fails:
            raise RuntimeError("no credentials")
        self.issued += 1
        return IssuedToken(f"token-{self.issued}", self.now + LIFE)


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def token(signer: Signer) -> FreshToken:
    return FreshToken("test", signer, clock=lambda: signer.now)


async def settle(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  a thread's progress
            await asyncio.sleep(0.001)


async def test_it_is_signed_once_and_off_the_loop_when_many_ask_at_a_time(
    signer: Signer, token: FreshToken
) -> None:
    assert set(await asyncio.gather(*(token() for _ in range(50)))) == {"token-1"}
    assert await token() == "token-1"
    assert signer.issued == 1
    assert threading.get_ident() not in signer.threads


async def test_nobody_waits_when_it_is_renewed_ahead_of_time(signer: Signer, token: FreshToken) -> None:
    assert await token() == "token-1"
    signer.now = LIFE - RENEW_BEFORE_SECONDS - 1
    assert await token() == "token-1"
    await asyncio.sleep(0)
    assert signer.issued == 1
    signer.open.clear()
    signer.now = LIFE - RENEW_BEFORE_SECONDS
    assert [await token() for _ in range(3)] == ["token-1"] * 3
    signer.open.set()
    await settle(lambda: signer.issued == 2)
    async with asyncio.timeout(30):
        while await token() != "token-2":  # noqa: ASYNC110  a thread's progress
            await asyncio.sleep(0.001)
    assert signer.issued == 2


async def test_old_one_is_given_out_and_renewal_paced_when_signing_fails(
    signer: Signer, token: FreshToken
) -> None:
    assert await token() == "token-1"
    signer.now, signer.fails = LIFE - RENEW_BEFORE_SECONDS, True
    assert await token() == "token-1"
    await settle(lambda: token._renewing is None)
    assert await token() == "token-1"
    assert token._renewing is None
    signer.now += RETRY_SECONDS
    signer.fails = False
    assert await token() == "token-1"
    await settle(lambda: token._renewing is None)
    assert await token() == "token-2"


async def test_it_is_unavailable_as_if_the_server_were_away_when_none_is_left(
    signer: Signer, token: FreshToken
) -> None:
    await token()
    signer.now, signer.fails = LIFE - MARGIN_SECONDS, True
    outcomes = await asyncio.gather(*(token() for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TokenUnavailableError] * 5
    assert issubclass(TokenUnavailableError, OSError)
    signer.fails = False
    assert await token() == "token-2"


async def test_renewals_are_counted_by_how_they_end(signer: Signer, token: FreshToken) -> None:
    def counted(outcome: str) -> float:
        value = REGISTRY.get_sample_value("token_renewals_total", {"token": "test", "outcome": outcome})
        assert value is not None, "it must be there before the first renewal"
        return value

    failed, renewed = counted("failed"), counted("renewed")
    signer.fails = True
    with pytest.raises(TokenUnavailableError):
        await token()
    signer.fails = False
    await token()
    assert (counted("failed"), counted("renewed")) == (failed + 1, renewed + 1)


async def test_signing_goes_on_for_the_others_when_one_who_waits_gives_up(
    signer: Signer, token: FreshToken
) -> None:
    signer.open.clear()
    impatient, patient = asyncio.create_task(token()), asyncio.create_task(token())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    signer.open.set()
    assert await patient == "token-1"
    assert signer.issued == 1


def test_token_is_not_shown_when_printed() -> None:
    assert "secret" not in repr(IssuedToken("secret", 1.0))
