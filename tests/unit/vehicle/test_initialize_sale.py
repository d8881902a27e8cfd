"""Reserving a vehicle: one of many, once per key, and never half."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from autodeal_contracts.catalog import unseal
from autodeal_contracts.events.sale import SaleInitialized
from autodeal_contracts.saga import VehicleState
from autodeal_platform.idempotency import IdempotencyKeyReusedError
from autodeal_vehicle.app.initialize_sale import PreparedSale
from autodeal_vehicle.domain.errors import VehicleNotAvailableError, VehicleNotFoundError

if TYPE_CHECKING:
    from tests.unit.vehicle.conftest import Dealer


async def test_answer_and_event_agree_when_a_vehicle_is_reserved(dealer: Dealer) -> None:
    vehicle = dealer.offer()

    answer = await dealer.reserve(key="my-key")

    body = msgspec.json.decode(answer.body)
    (envelope,) = dealer.store.state.outbox
    event = unseal(envelope)
    assert isinstance(event, SaleInitialized)
    assert (answer.status, body["idempotency_key"], body["order_id"]) == (201, "my-key", event.order_id)
    assert event.amount_cents == vehicle.details.price_cents
    assert event.idempotency_key_digest == hashlib.sha256(b"my-key").hexdigest()
    assert body["expires_at"] == event.expires_at.isoformat().replace("+00:00", "Z")
    assert (envelope.sequence, envelope.key, envelope.correlation_id) == (1, "1", "1")
    assert dealer.heard.sales == [event.order_id]


async def test_first_answer_is_repeated_when_the_key_comes_again(dealer: Dealer) -> None:
    dealer.offer()
    first = await dealer.reserve()

    assert await dealer.reserve() == first
    assert len(dealer.store.state.orders) == 1
    assert len(dealer.store.state.outbox) == 1


async def test_key_is_refused_when_the_request_is_another(dealer: Dealer) -> None:
    dealer.offer()
    await dealer.reserve()

    with pytest.raises(IdempotencyKeyReusedError):
        await dealer.reserve(fingerprint="another")


async def test_keys_do_not_meet_when_callers_differ(dealer: Dealer) -> None:
    dealer.offer()
    await dealer.reserve(buyer="one")

    with pytest.raises(VehicleNotAvailableError):
        await dealer.reserve(buyer="two")


async def test_one_wins_when_many_want_one_vehicle(dealer: Dealer) -> None:
    dealer.offer()

    answers = await asyncio.gather(
        *(dealer.reserve(buyer=f"buyer-{number}") for number in range(50)), return_exceptions=True
    )

    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    assert sum(isinstance(answer, VehicleNotAvailableError) for answer in answers) == 49
    assert len(dealer.store.state.orders) == len(dealer.store.state.outbox) == 1


async def test_refusal_is_not_kept_when_the_vehicle_comes_free(dealer: Dealer) -> None:
    dealer.offer(state=VehicleState.RESERVED)
    with pytest.raises(VehicleNotAvailableError):
        await dealer.reserve()
    dealer.offer()

    assert (await dealer.reserve()).status == 201


async def test_nothing_is_stored_when_there_is_no_such_vehicle(dealer: Dealer) -> None:
    with pytest.raises(VehicleNotFoundError):
        await dealer.reserve(vehicle=404)

    assert dealer.store.state.answers == {}


async def test_sale_has_the_new_price_when_the_price_changes_under_the_decision(
    dealer: Dealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dealer.offer()
    commit = dealer.store.commit

    async def commit_after_edit(sale: PreparedSale) -> bool:
        vehicle = dealer.vehicle
        if vehicle.version == 1:
            details = replace(vehicle.details, price_cents=1_000_000)
            dealer.store.state.vehicles[vehicle.id] = vehicle.edited(details, dealer.now)
        return await commit(sale)

    monkeypatch.setattr(dealer.store, "commit", commit_after_edit)

    await dealer.reserve()

    (order,) = dealer.store.state.orders.values()
    assert order.price_cents == 1_000_000


async def test_buyer_is_refused_when_the_vehicle_never_stands_still(
    dealer: Dealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dealer.offer()

    async def lose(_: PreparedSale) -> bool:
        return False

    monkeypatch.setattr(dealer.store, "commit", lose)

    with pytest.raises(VehicleNotAvailableError):
        await dealer.reserve()
