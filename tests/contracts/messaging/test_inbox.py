"""What every inbox promises to a handler."""

from __future__ import annotations

import asyncio
from typing import Protocol

from autodeal_messaging.metrics import INBOX_DUPLICATES


class InboxUnderTest(Protocol):
    async def claim(self, consumer: str, event_id: str) -> bool: ...

    async def claim_and_roll_back(self, consumer: str, event_id: str) -> None: ...


async def test_an_event_is_claimed_once_when_it_comes_again(inbox: InboxUnderTest) -> None:
    assert await inbox.claim("vehicle", "event-1")
    assert not await inbox.claim("vehicle", "event-1")
    assert await inbox.claim("vehicle", "event-2")


async def test_each_consumer_claims_for_itself_when_an_event_has_several(inbox: InboxUnderTest) -> None:
    assert await inbox.claim("vehicle", "event-1")
    assert await inbox.claim("payment", "event-1")


async def test_an_event_can_be_claimed_again_when_its_transaction_failed(inbox: InboxUnderTest) -> None:
    await inbox.claim_and_roll_back("vehicle", "event-1")
    assert await inbox.claim("vehicle", "event-1")


async def test_one_claim_wins_when_two_are_made_at_once(inbox: InboxUnderTest) -> None:
    claims = await asyncio.gather(*(inbox.claim("vehicle", "event-1") for _ in range(5)))
    assert sorted(claims) == [False, False, False, False, True]


async def test_a_repeat_is_counted_when_the_inbox_turns_it_away(
    inbox: InboxUnderTest, kind_of_store: str
) -> None:
    counter = INBOX_DUPLICATES.labels(f"counted-{kind_of_store}")
    before = counter._value.get()
    await inbox.claim(f"counted-{kind_of_store}", "event-1")
    await inbox.claim(f"counted-{kind_of_store}", "event-1")
    assert counter._value.get() == before + 1
