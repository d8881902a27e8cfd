"""Take a snapshot of the simulated stores and judge it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodeal_contracts.catalog import unseal
from autodeal_contracts.events.sale import SaleInitialized
from autodeal_contracts.topics import PAYMENT
from autodeal_devstack.demo.invariants import (
    OrderSeen,
    PaymentSeen,
    ProviderPaymentSeen,
    RecordSeen,
    Snapshot,
    violations,
)
from autodeal_payment.domain.ledger import Account
from autodeal_payment.domain.provider_payment import ProviderStatus

if TYPE_CHECKING:
    from tests.simulation.world import World


def judge(world: World) -> list[str]:
    """Return every violation of every invariant, one sentence each."""
    return [
        *violations(take_snapshot(world)),
        *_effects(world),
        *_everybody_was_told(world),
        *_money_went_back_once(world),
        *_the_ledger_knows_where_the_money_is(world),
        *_nothing_from_nowhere(world),
    ]


def take_snapshot(world: World) -> Snapshot:
    """Read everything that was committed."""
    vehicle, sales = world.vehicle_store.state, world.sale_store
    return Snapshot(
        orders=tuple(
            OrderSeen(
                order_id=order.id,
                vehicle_id=order.vehicle_id,
                status=order.status.value,
                amount_cents=order.price_cents,
                payment_id=order.paid_by,
                events=order.event_sequence,
                charged_back=order.charged_back,
            )
            for order in vehicle.orders.values()
        ),
        vehicles={each.id: each.status.value for each in vehicle.vehicles.values()},
        payments=tuple(
            PaymentSeen(
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                status=payment.state.value,
                amount_cents=payment.amount_cents,
            )
            for sale in sales.sales.values()
            for payment in sale.payments
        ),
        payment_events={sale.order_id: sale.event_sequence for sale in sales.sales.values()},
        provider=tuple(
            ProviderPaymentSeen(
                reference=each.reference, status=each.status.value, amount_cents=each.amount_cents
            )
            for each in world.provider.payments.values()
        ),
        records=tuple(_records(world)),
        ledger=tuple((entry.payment_id, entry.amount_cents) for entry in sales.ledger),
        waiting=world.waiting(),
    )


def _records(world: World) -> Iterator[RecordSeen]:
    for (topic, partition), log in world.broker.log.items():
        for record in log:
            headers = dict(record.headers)
            yield RecordSeen(
                topic=topic,
                partition=partition,
                key=record.key.decode(),
                event_id=headers["ce_id"].decode(),
                sequence=int(headers["ce_sequence"]),
            )


def _effects(world: World) -> Iterator[str]:
    """Each payment event took effect on its order once and in order."""
    state = world.vehicle_store.state
    told: defaultdict[int, list[str]] = defaultdict(list)
    for envelope in world.sale_store.outbox:
        told[int(envelope.key)].append(envelope.type)
    for order_id, entries in state.timelines.items():
        noted = [entry.event for entry in entries if entry.event.startswith("payment.")]
        if noted != told[order_id]:
            yield f"effects: order {order_id} was told {told[order_id]} and noted {noted}"
        if [entry.sequence for entry in entries] != list(range(1, len(entries) + 1)):
            yield f"effects: the timeline of order {order_id} has gaps"
    begun = Counter(
        (event.buyer_id, event.idempotency_key_digest)
        for event in map(unseal, state.outbox)
        if isinstance(event, SaleInitialized)
    )
    for (buyer, _), count in begun.items():
        if count > 1:
            yield f"effects: {buyer} asked once and has {count} orders"


def _everybody_was_told(world: World) -> Iterator[str]:
    """Each event was handled by the other service."""
    state, sales = world.vehicle_store.state, world.sale_store.sales
    for order_id in state.orders.keys() ^ sales.keys():
        yield f"effects: one service knows order {order_id} and the other does not"
    for envelopes, inbox in (
        (world.sale_store.outbox, state.inbox),
        (state.outbox, world.sale_store.inbox),
    ):
        for envelope in envelopes:
            if envelope.id not in inbox:
                yield f"effects: {envelope.type} {envelope.id} of order {envelope.key} was never handled"


def _money_went_back_once(world: World) -> Iterator[str]:
    """No refund was paid out twice."""
    for provider_id, count in world.provider.paid_out.items():
        if count > 1:
            reference = world.provider.payments[provider_id].reference
            yield f"effects: the money of {reference} was given back {count} times"


def _the_ledger_knows_where_the_money_is(world: World) -> Iterator[str]:
    """What the provider holds of each payment by the ledger is what it does hold."""
    held: Counter[str] = Counter()
    for entry in world.sale_store.ledger:
        if entry.account is Account.PROVIDER:
            held[entry.payment_id] += entry.amount_cents
    for payment in world.provider.payments.values():
        holds = payment.amount_cents if payment.status is ProviderStatus.APPROVED else 0
        if held[payment.reference] != holds:
            here = held[payment.reference]
            yield f"effects: the provider holds {holds} of {payment.reference}, by the ledger {here}"


def _nothing_from_nowhere(world: World) -> Iterator[str]:
    """Nothing was published whose transaction did not commit."""
    committed = {envelope.id for envelope in world.vehicle_store.state.outbox}
    committed |= {envelope.id for envelope in world.sale_store.outbox}
    for (topic, partition), log in world.broker.log.items():
        for record in log:
            event_id = dict(record.headers)["ce_id"].decode()
            if topic != "autodeal.notification.v1" and event_id not in committed:
                yield f"5 every event: {topic}/{partition} has {event_id}, which nobody committed"
    for where, offset in world.broker.committed.items():
        _, topic, partition = where
        if topic == PAYMENT and offset > len(world.broker.log[topic, partition]):
            yield f"offset {offset} of {where} is beyond the log"
