"""One suite for the store in memory and the one in DynamoDB: what holds for one holds for the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import pytest
import pytest_asyncio

from autodeal_contracts import catalog
from autodeal_contracts.events.payment import PaymentInstructions
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState, SaleStanding
from autodeal_payment.adapters.dynamodb_payment_queries import DynamoPaymentQueries
from autodeal_payment.adapters.dynamodb_sale_store import KEY_RETENTION, DynamoSaleStore
from autodeal_payment.adapters.dynamodb_table import create_table
from autodeal_payment.app.payment_view import view
from autodeal_payment.app.ports.memory_sale_store import MemorySaleStore
from autodeal_payment.app.ports.payment_queries import BadCursorError, PaymentFilter, PaymentQueries
from autodeal_payment.app.ports.sale_store import (
    AlreadyHandledError,
    KeptAnswer,
    KeyChange,
    KeyTakenError,
    SaleChange,
    SaleStore,
    VersionConflictError,
)
from autodeal_payment.domain import payment_events
from autodeal_payment.domain.ledger import Posting, post
from autodeal_payment.domain.payment import Payment
from autodeal_payment.domain.provider_payment import ProviderStatus
from autodeal_payment.domain.sale import Sale

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

NOW = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


class Store(SaleStore, PaymentQueries, Protocol):
    """Both ports; in memory one object serves them."""


class DynamoStore(DynamoSaleStore, DynamoPaymentQueries):
    def __init__(self, client: DynamoDBClient, table: str) -> None:
        DynamoPaymentQueries.__init__(self, client, table)
        DynamoSaleStore.__init__(self, client, table, outbox_shards=2)


@pytest_asyncio.fixture(loop_scope="session")
async def dynamodb_store(dynamodb_client: DynamoDBClient, dynamodb_table: str) -> Store:
    await create_table(dynamodb_client, dynamodb_table)
    await create_table(dynamodb_client, dynamodb_table)
    return DynamoStore(dynamodb_client, dynamodb_table)


@pytest.fixture
def memory_store() -> Store:
    return MemorySaleStore()


@pytest.fixture(params=["memory_store", "dynamodb_store"])
def store(request: pytest.FixtureRequest) -> Store:
    chosen: Store = request.getfixturevalue(request.param)
    return chosen


def new_sale(order_id: int = 7, buyer_id: str = "buyer", **changes: object) -> Sale:
    sale = Sale(
        order_id=order_id,
        buyer_id=buyer_id,
        amount_cents=8_999_000,
        standing=SaleStanding.OPEN,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        version=1,
        due_at=NOW + timedelta(seconds=5),
    )
    return replace(sale, **changes)  # type: ignore[arg-type]  # named by the tests


def new_payment(order_id: int = 7, attempt: int = 1, **changes: object) -> Payment:
    payment = Payment(
        order_id=order_id,
        attempt=attempt,
        method=PaymentMethod.PIX,
        amount_cents=8_999_000,
        state=PaymentState.REQUESTED,
        created_at=NOW + timedelta(seconds=attempt),
        changed_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        provider_expires_at=NOW + timedelta(minutes=31),
    )
    return replace(payment, **changes)  # type: ignore[arg-type]  # named by the tests


def begun(sale: Sale, **more: object) -> SaleChange:
    change = SaleChange(before=None, after=sale, at=NOW, trigger="sale.initialized")
    return replace(change, **more)  # type: ignore[arg-type]  # named by the tests


def next_change(before: Sale, after: Sale, **more: object) -> SaleChange:
    changed = replace(after, version=before.version + 1)
    change = SaleChange(before=before, after=changed, at=NOW, trigger="provider.pending")
    return replace(change, **more)  # type: ignore[arg-type]  # named by the tests


async def test_sale_comes_back_as_it_was_when_every_field_is_set(store: Store) -> None:
    payment = new_payment(
        state=PaymentState.REFUNDING,
        superseded_by="7-2",
        idempotency_digest="d" * 64,
        request_fingerprint="f" * 64,
        reason="order_closed",
        provider_id="123",
        provider_status=ProviderStatus.APPROVED,
        instructions=PaymentInstructions(pix_code="00020126", url="https://pay.example/1"),
        taken_cents=5,
        tries=2,
        checks=3,
        not_before=NOW + timedelta(seconds=9),
        absent=True,
        doubtful=True,
        refund_accepted=True,
        refund_rounds=1,
        refund_failures=4,
        recheck_at=NOW + timedelta(days=1),
    )
    sale = new_sale(
        payments=(payment, new_payment(attempt=2)),
        idempotency_digest="e" * 64,
        approved_payment_id="7-1",
        event_sequence=12,
    )
    await store.save(begun(sale))
    assert await store.load(7) == sale
    assert await store.load(8) is None


async def test_change_is_refused_when_another_one_came_first(store: Store) -> None:
    sale = new_sale()
    await store.save(begun(sale))
    with pytest.raises(VersionConflictError):
        await store.save(begun(sale))
    await store.save(next_change(sale, sale))
    with pytest.raises(VersionConflictError):
        await store.save(next_change(sale, replace(sale, standing=SaleStanding.CANCELLED)))
    loaded = await store.load(7)
    assert loaded is not None
    assert (loaded.version, loaded.standing) == (2, SaleStanding.OPEN)


async def test_one_of_many_wins_when_they_change_a_sale_at_once(store: Store) -> None:
    sale = new_sale()
    await store.save(begun(sale))
    results = await asyncio.gather(
        *(store.save(next_change(sale, sale)) for _ in range(6)), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(result, VersionConflictError) for result in results) == 5


async def test_event_is_refused_when_it_was_handled_before(store: Store) -> None:
    sale = new_sale()
    await store.save(begun(sale, handled="event-1"))
    with pytest.raises(AlreadyHandledError):
        await store.save(next_change(sale, sale, handled="event-1"))
    await store.mark_handled("event-2", NOW)
    await store.mark_handled("event-2", NOW)
    with pytest.raises(AlreadyHandledError):
        await store.save(next_change(sale, sale, handled="event-2"))
    assert (await store.load(7)) == sale


async def test_event_counts_as_handled_before_a_version_conflict_when_both_apply(store: Store) -> None:
    sale = new_sale()
    await store.save(begun(sale, handled="event-1"))
    with pytest.raises(AlreadyHandledError):
        await store.save(begun(sale, handled="event-1"))


async def test_key_gives_its_answer_when_claimed_and_answered(store: Store) -> None:
    sale, digest = new_sale(), "a" * 64
    claim = KeyChange(digest=digest, kept=KeptAnswer(fingerprint="f", payment_id="7-1", answer=None))
    await store.save(begun(sale, keys=(claim,)))
    kept = await store.find_answer("buyer", digest, NOW)
    assert kept is not None
    assert kept.answer is None
    with pytest.raises(KeyTakenError):
        await store.save(next_change(sale, sale, keys=(claim,)))

    shown = view(new_payment())
    answer = KeyChange(digest=digest, kept=KeptAnswer(fingerprint="f", payment_id="7-1", answer=shown))
    await store.save(next_change(sale, sale, keys=(answer,)))
    kept = await store.find_answer("buyer", digest, NOW)
    assert kept is not None
    assert kept.answer == shown
    assert kept.answer.amount == Decimal("89990.00")
    assert await store.find_answer("somebody else", digest, NOW) is None


async def test_key_may_be_claimed_anew_when_it_has_expired(store: Store) -> None:
    sale = new_sale()
    claim = KeyChange(digest="a" * 64, kept=KeptAnswer(fingerprint="f", payment_id="7-1", answer=None))
    await store.save(begun(sale, keys=(claim,)))
    later = NOW + KEY_RETENTION + timedelta(seconds=1)
    assert await store.find_answer("buyer", "a" * 64, later) is None
    await store.save(next_change(sale, sale, keys=(claim,), at=later))


async def test_order_is_found_by_the_providers_id_when_it_was_learned(store: Store) -> None:
    sale = new_sale(payments=(new_payment(),))
    await store.save(begun(sale))
    assert await store.find_order("555") is None
    await store.save(next_change(sale, sale.with_payment(new_payment(provider_id="555"))))
    assert await store.find_order("555") == (7, 1)


async def test_notification_is_noted_once_when_it_comes_twice(store: Store) -> None:
    await store.note_notification("555", NOW, "event-1", NOW)
    with pytest.raises(AlreadyHandledError):
        await store.note_notification("555", NOW, "event-1", NOW)
    await store.move_deadline("notification", "555", NOW, NOW + timedelta(minutes=1))
    await store.move_deadline("notification", "555", NOW + timedelta(minutes=1), None)
    await store.move_deadline("notification", "555", NOW, None)


async def test_everything_is_written_together_when_money_is_taken(store: Store) -> None:
    sale = new_sale(payments=(new_payment(),))
    await store.save(begun(sale))
    paid = new_payment(state=PaymentState.APPROVED, taken_cents=8_999_000, provider_id="555")
    envelope = catalog.seal(
        payment_events.approved(paid), event_id="e1", source="payment", time=NOW, sequence=1
    )
    after = replace(sale.with_payment(paid), due_at=None, event_sequence=1)
    change = next_change(
        sale, after, envelopes=(envelope,), entries=post(Posting.RECEIVED, paid, NOW), handled="event-9"
    )
    await store.save(change)
    assert await store.load(7) == change.after


async def test_pages_hold_everything_once_and_newest_first_when_followed(store: Store) -> None:
    for order_id in range(1, 8):
        payments = tuple(new_payment(order_id, attempt) for attempt in (1, 2))
        buyer = "ana" if order_id % 2 else "bia"
        await store.save(begun(new_sale(order_id, buyer, payments=payments)))

    async def follow(wanted: PaymentFilter, limit: int) -> list[str]:
        found, cursor = [], None
        for _ in range(40):
            page = await store.list_payments(wanted, limit=limit, cursor=cursor)
            assert len(page.payments) <= limit
            found += [payment.payment_id for payment in page.payments]
            cursor = page.cursor
            if cursor is None:
                return found
        raise AssertionError("no end")

    everything = await follow(PaymentFilter(), 3)
    assert len(everything) == len(set(everything)) == 14
    assert [name.endswith("-2") for name in everything] == [True] * 7 + [False] * 7
    assert await follow(PaymentFilter(buyer_id="bia"), 2) == ["6-2", "4-2", "2-2", "6-1", "4-1", "2-1"]
    assert await follow(PaymentFilter(order_id=3, buyer_id="ana"), 1) == ["3-2", "3-1"]
    assert await follow(PaymentFilter(order_id=3, buyer_id="bia"), 1) == []
    assert len(await follow(PaymentFilter(status=PaymentState.REQUESTED), 5)) == 14
    assert await follow(PaymentFilter(status=PaymentState.APPROVED), 5) == []


async def test_payments_are_found_by_either_key_when_filtered(store: Store) -> None:
    own, of_sale = "a" * 64, "b" * 64
    first = new_payment(1, idempotency_digest=own)
    await store.save(begun(new_sale(1, payments=(first, new_payment(1, 2)))))
    await store.save(begun(new_sale(2, payments=(new_payment(2),), idempotency_digest=of_sale)))
    for wanted, expected in (
        (PaymentFilter(buyer_id="buyer", key_digests=(own,)), ["1-1"]),
        (PaymentFilter(buyer_id="buyer", key_digests=(own, of_sale)), ["2-1", "1-1"]),
        (PaymentFilter(key_digests=("c" * 64, of_sale)), ["2-1"]),
        (PaymentFilter(order_id=1, key_digests=(own,)), ["1-1"]),
    ):
        page = await store.list_payments(wanted, limit=10, cursor=None)
        assert sorted(payment.payment_id for payment in page.payments) == sorted(expected)


@pytest.mark.parametrize("cursor", ["?", "AAAA", "é", "%%%", "IyM"])
async def test_cursor_is_refused_or_harmless_when_made_up(store: Store, cursor: str) -> None:
    try:
        page = await store.list_payments(PaymentFilter(buyer_id="buyer"), limit=3, cursor=cursor)
    except BadCursorError:
        return
    assert page.payments == ()
