from __future__ import annotations

import asyncio

import msgspec
import pytest
from prometheus_client import REGISTRY

from autodeal_platform.errors import UnauthenticatedError, UnavailableError
from autodeal_platform.fake_user_pool import FakeUserPool
from autodeal_platform.signing_keys import SigningKeys, parse_key_set


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool() -> FakeUserPool:
    return FakeUserPool()


@pytest.fixture
def keys(pool: FakeUserPool, clock: Clock) -> SigningKeys:
    return SigningKeys(
        "https://keys",
        fetch=pool.fetch,
        monotonic=clock,
        refetch_pause_s=10,
        retry_pause_s=1,
        max_age_s=3600,
    )


async def test_one_fetch_serves_all_when_many_ask_at_once(keys: SigningKeys, pool: FakeUserPool) -> None:
    found = await asyncio.gather(*(keys.find(pool.key_id) for _ in range(50)))
    assert len(set(map(id, found))) == 1
    assert pool.fetches == 1


async def test_new_key_is_found_when_the_pool_rotates(
    keys: SigningKeys, pool: FakeUserPool, clock: Clock
) -> None:
    await keys.find(pool.key_id)
    pool.rotate_key()
    clock.now += 10
    assert (await keys.find(pool.key_id)).key_id == pool.key_id
    assert pool.fetches == 2


async def test_pool_is_left_alone_when_key_ids_are_made_up(
    keys: SigningKeys, pool: FakeUserPool, clock: Clock
) -> None:
    await keys.find(pool.key_id)
    for number in range(100):
        with pytest.raises(UnauthenticatedError):
            await keys.find(f"made-up-{number}")
    assert pool.fetches == 1
    clock.now += 10
    with pytest.raises(UnauthenticatedError):
        await keys.find("made-up")
    assert pool.fetches == 2


async def test_pool_is_asked_again_only_after_a_pause_when_it_was_away(
    keys: SigningKeys, pool: FakeUserPool, clock: Clock
) -> None:
    pool.reachable = False
    for _ in range(10):
        with pytest.raises(UnavailableError):
            await keys.find(pool.key_id)
    assert pool.fetches == 1
    pool.reachable = True
    clock.now += 1
    assert (await keys.find(pool.key_id)).key_id == pool.key_id


async def test_each_fetch_is_counted_by_how_it_ended_when_the_pool_comes_back(
    keys: SigningKeys, pool: FakeUserPool, clock: Clock
) -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("signing_key_fetches_total", {"outcome": outcome}) or 0.0

    failed, fetched = counted("failed"), counted("fetched")
    pool.reachable = False
    with pytest.raises(UnavailableError):
        await keys.find(pool.key_id)
    pool.reachable = True
    clock.now += 1
    await keys.find(pool.key_id)
    assert (counted("failed"), counted("fetched")) == (failed + 1, fetched + 1)


async def test_known_keys_stay_in_use_when_the_pool_is_away(
    keys: SigningKeys, pool: FakeUserPool, clock: Clock
) -> None:
    await keys.find(pool.key_id)
    pool.reachable = False
    clock.now += 7200
    assert (await keys.find(pool.key_id)).key_id == pool.key_id
    await asyncio.sleep(0)
    assert (await keys.find(pool.key_id)).key_id == pool.key_id
    with pytest.raises(UnavailableError):
        await keys.find("perhaps-new")


async def test_withdrawn_key_is_forgotten_when_the_set_is_renewed(
    keys: SigningKeys, pool: FakeUserPool, clock: Clock
) -> None:
    withdrawn = pool.key_id
    await keys.find(withdrawn)
    pool.rotate_key()
    clock.now += 3601
    await keys.find(withdrawn)  # the last time: this starts the renewal, and does not wait for it
    await keys.find(pool.key_id)
    with pytest.raises(UnauthenticatedError):
        await keys.find(withdrawn)


async def test_fetch_goes_on_for_the_others_when_one_caller_leaves(pool: FakeUserPool) -> None:
    may_answer = asyncio.Event()

    async def slow_fetch(_url: str) -> bytes:
        await may_answer.wait()
        return pool.key_set()

    keys = SigningKeys("https://keys", fetch=slow_fetch)
    leaving = asyncio.create_task(keys.find(pool.key_id))
    staying = asyncio.create_task(keys.find(pool.key_id))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    may_answer.set()
    assert (await staying).key_id == pool.key_id
    assert leaving.cancelled()


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"[]", b'{"keys": []}', b'{"keys": [{"kid": "a", "kty": "EC"}]}']
)
def test_key_set_is_refused_when_it_holds_no_usable_key(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  msgspec's words or ours
        parse_key_set(document)


def test_other_kinds_of_keys_are_passed_over_when_they_stand_beside(pool: FakeUserPool) -> None:
    document = msgspec.json.decode(pool.key_set())
    document["keys"] += [
        {"kty": "oct", "kid": "shared", "k": "AAAA"},
        {"kty": "RSA", "use": "enc", "kid": "x"},
    ]
    assert set(parse_key_set(msgspec.json.encode(document))) == {pool.key_id}
