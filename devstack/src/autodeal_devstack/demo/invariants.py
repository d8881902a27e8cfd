"""The invariants that hold for every purchase once faults have stopped.

Pure: they judge a `Snapshot` of all the stores, however it was taken. Each returns one sentence a
violation, with the ids a person needs to look.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOLDS_A_CAR = {"draft", "sold", "refunding", "refund_failed"}
FINAL_ORDERS = {"sold", "cancelled", "refunded"}
FINAL_PAYMENTS = {"approved", "rejected", "expired", "cancelled", "refunded", "charged_back"}
MONEY_WENT_BACK = {"refunded", "charged_back"}
MONEY_MAY_STAY = {"sold", "refunding", "refund_failed"}


@dataclass(frozen=True)
class OrderSeen:
    """An order as the vehicle service stores it."""

    order_id: int
    vehicle_id: int
    status: str
    amount_cents: int
    payment_id: str | None
    events: int
    """How many events of this order the vehicle service has committed."""
    charged_back: bool = False
    """Whether it is flagged: the buyer's bank took the money back. Of a sold one a person decides."""


@dataclass(frozen=True)
class PaymentSeen:
    """A payment as the payment service stores it."""

    payment_id: str
    order_id: int
    status: str
    amount_cents: int


@dataclass(frozen=True)
class ProviderPaymentSeen:
    """A payment as the provider knows it: where the money really is."""

    reference: str
    status: str
    amount_cents: int


@dataclass(frozen=True)
class RecordSeen:
    """A record in the log, in the log's order within its topic and partition."""

    topic: str
    partition: int
    key: str
    event_id: str
    sequence: int


@dataclass(frozen=True)
class Snapshot:
    """All stores at one quiet moment."""

    orders: tuple[OrderSeen, ...]
    vehicles: dict[int, str]
    """The state of each vehicle by its id."""
    payments: tuple[PaymentSeen, ...]
    payment_events: dict[int, int]
    """How many events of each order the payment service has committed."""
    provider: tuple[ProviderPaymentSeen, ...]
    records: tuple[RecordSeen, ...]
    ledger: tuple[tuple[str, int], ...]
    """Payment id and signed cents of each ledger entry."""
    waiting: int
    """Rows still in an outbox, and deadlines that are overdue."""


def violations(snapshot: Snapshot) -> list[str]:
    """Return every violation of every invariant; an empty list is a clean bill."""
    return [f"{name}: {sentence}" for name, check in INVARIANTS.items() for sentence in check(snapshot)]


def _one_order_a_vehicle(snapshot: Snapshot) -> Iterator[str]:
    held = Counter(order.vehicle_id for order in snapshot.orders if order.status in HOLDS_A_CAR)
    for vehicle_id, count in held.items():
        if count > 1:
            yield f"vehicle {vehicle_id} has {count} orders that hold it"
    expected = {"draft": "reserved", "sold": "sold", "refunding": "sold", "refund_failed": "sold"}
    holders = {order.vehicle_id: order for order in snapshot.orders if order.status in HOLDS_A_CAR}
    for vehicle_id, status in snapshot.vehicles.items():
        holder = holders.get(vehicle_id)
        should = expected[holder.status] if holder else "available"
        if status != should:
            yield f"vehicle {vehicle_id} is {status} and should be {should}"


def _money_is_where_it_belongs(snapshot: Snapshot) -> Iterator[str]:
    orders = {order.order_id: order for order in snapshot.orders}
    ours = {payment.payment_id: payment.status for payment in snapshot.payments}
    charged_back = {taken.reference for taken in snapshot.provider if taken.status == "charged_back"}
    for order in snapshot.orders:
        if (order.payment_id in charged_back) != order.charged_back:
            yield f"order {order.order_id} is {'' if order.charged_back else 'not '}flagged as charged back"
    for taken in snapshot.provider:
        if taken.reference not in ours:
            yield f"the provider has {taken.reference}, which no payment here knows"
        elif taken.status in MONEY_WENT_BACK and ours[taken.reference] != taken.status:
            yield f"{taken.reference} is {taken.status} at the provider, and {ours[taken.reference]} here"
        if taken.status != "approved":
            continue
        bought = orders.get(int(taken.reference.split("-")[0]))
        if bought is None or bought.status not in MONEY_MAY_STAY or bought.payment_id != taken.reference:
            yield f"{taken.reference} was paid, but its order is {bought.status if bought else 'missing'}"


def _sold_means_paid_once(snapshot: Snapshot) -> Iterator[str]:
    """Count a payment that the buyer's bank took back, if the order is flagged."""
    payments = defaultdict(list)
    for payment in snapshot.provider:
        payments[int(payment.reference.split("-")[0]), payment.status].append(payment)
    for order in snapshot.orders:
        if order.status != "sold":
            continue
        paid = list(payments[order.order_id, "approved"])
        if order.charged_back:
            gone = payments[order.order_id, "charged_back"]
            paid += [payment for payment in gone if payment.reference == order.payment_id]
        if len(paid) != 1 or paid[0].amount_cents != order.amount_cents:
            yield f"order {order.order_id} is sold for {order.amount_cents} with payments {paid}"


def _everything_came_to_an_end(snapshot: Snapshot) -> Iterator[str]:
    for order in snapshot.orders:
        if order.status not in FINAL_ORDERS:
            yield f"order {order.order_id} is still {order.status}"
    for payment in snapshot.payments:
        if payment.status not in FINAL_PAYMENTS:
            yield f"payment {payment.payment_id} is still {payment.status}"
    if snapshot.waiting:
        yield f"{snapshot.waiting} rows still wait in an outbox or are overdue"


def _every_event_arrived_in_order(snapshot: Snapshot) -> Iterator[str]:
    partitions: dict[tuple[str, str], set[int]] = defaultdict(set)
    sequences: dict[tuple[str, str], list[int]] = defaultdict(list)
    seen: set[str] = set()
    for record in snapshot.records:
        where = (record.topic, record.key)
        partitions[where].add(record.partition)
        if record.event_id not in seen:
            seen.add(record.event_id)
            sequences[where].append(record.sequence)
    for where, found in partitions.items():
        if len(found) > 1:
            yield f"the records of {where} are in partitions {sorted(found)}"
    committed = {("autodeal.sale.v1", str(order.order_id)): order.events for order in snapshot.orders}
    committed |= {
        ("autodeal.payment.v1", str(order_id)): count for order_id, count in snapshot.payment_events.items()
    }
    for where, count in committed.items():
        if sequences[where] != list(range(1, count + 1)):
            yield f"{where} committed {count} events, the log has {sequences[where]}"
    for where in sequences.keys() - committed.keys():
        if not where[0].startswith("autodeal.notification"):
            yield f"the log has {where}, which nobody committed"


def _nothing_happened_twice(snapshot: Snapshot) -> Iterator[str]:
    for reference, count in Counter(payment.reference for payment in snapshot.provider).items():
        if count > 1:
            yield f"the provider made {count} payments for {reference}"


def _the_ledger_sums_to_zero(snapshot: Snapshot) -> Iterator[str]:
    sums: Counter[str] = Counter()
    for payment_id, cents in snapshot.ledger:
        sums[payment_id] += cents
    for payment_id, cents in sums.items():
        if cents:
            yield f"the entries of {payment_id} sum to {cents} cents"
    entered = {payment_id for payment_id, _ in snapshot.ledger}
    for payment in snapshot.payments:
        if payment.status in {"approved", *MONEY_WENT_BACK} and payment.payment_id not in entered:
            yield f"{payment.payment_id} is {payment.status} and not in the ledger"


INVARIANTS: dict[str, Callable[[Snapshot], Iterator[str]]] = {
    "1 one order a vehicle": _one_order_a_vehicle,
    "2 money is where it belongs": _money_is_where_it_belongs,
    "3 sold means paid once, in full": _sold_means_paid_once,
    "4 everything came to an end": _everything_came_to_an_end,
    "5 every event arrived, in order": _every_event_arrived_in_order,
    "6 nothing happened twice": _nothing_happened_twice,
    "7 the ledger sums to zero": _the_ledger_sums_to_zero,
}
