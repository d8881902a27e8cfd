"""Each invariant can fail: a clean snapshot with one thing wrong is caught, and by that invariant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autodeal_devstack.demo.invariants import (
    INVARIANTS,
    OrderSeen,
    PaymentSeen,
    ProviderPaymentSeen,
    RecordSeen,
    Snapshot,
    violations,
)

SALE, PAYMENT = "autodeal.sale.v1", "autodeal.payment.v1"
SOLD = OrderSeen(order_id=1, vehicle_id=7, status="sold", amount_cents=500, payment_id="1-1", events=2)
GONE = OrderSeen(order_id=2, vehicle_id=8, status="cancelled", amount_cents=900, payment_id=None, events=2)
PAID = ProviderPaymentSeen("1-1", "approved", 500)
CLEAN = Snapshot(
    orders=(SOLD, GONE),
    vehicles={7: "sold", 8: "available"},
    payments=(PaymentSeen("1-1", 1, "approved", 500), PaymentSeen("2-1", 2, "cancelled", 900)),
    payment_events={1: 2, 2: 1},
    provider=(PAID, ProviderPaymentSeen("2-1", "cancelled", 900)),
    records=(
        RecordSeen(SALE, 0, "1", "a", 1),
        RecordSeen(SALE, 0, "2", "b", 1),
        RecordSeen(SALE, 0, "1", "c", 2),
        RecordSeen(SALE, 0, "1", "c", 2),
        RecordSeen(SALE, 0, "2", "d", 2),
        RecordSeen(PAYMENT, 1, "1", "e", 1),
        RecordSeen(PAYMENT, 1, "1", "f", 2),
        RecordSeen(PAYMENT, 1, "2", "g", 1),
    ),
    ledger=(("1-1", 500), ("1-1", -500)),
    waiting=0,
)


CHARGED_BACK = replace(
    CLEAN,
    orders=(replace(SOLD, charged_back=True), GONE),
    payments=(PaymentSeen("1-1", 1, "charged_back", 500), PaymentSeen("2-1", 2, "cancelled", 900)),
    provider=(replace(PAID, status="charged_back"), ProviderPaymentSeen("2-1", "cancelled", 900)),
)
"""The buyer's bank took the money of the sold vehicle back."""


def test_nothing_is_found_when_all_is_well() -> None:
    assert violations(CLEAN) == []


@pytest.mark.parametrize(
    ("status", "vehicle"),
    [("sold", "sold"), pytest.param("refunded", "available", id="the money was to go back anyway")],
)
def test_nothing_is_found_when_an_order_is_charged_back(status: str, vehicle: str) -> None:
    orders = (replace(SOLD, charged_back=True, status=status), GONE)
    assert violations(replace(CHARGED_BACK, orders=orders, vehicles={7: vehicle, 8: "available"})) == []


@pytest.mark.parametrize(
    ("invariant", "broken"),
    [
        ("1", replace(CLEAN, orders=(SOLD, replace(SOLD, order_id=3), GONE))),
        ("1", replace(CLEAN, vehicles={7: "available", 8: "available"})),
        ("1", replace(CLEAN, vehicles={7: "sold", 8: "reserved"})),
        ("2", replace(CLEAN, provider=(PAID, ProviderPaymentSeen("2-1", "approved", 900)))),
        ("2", replace(CLEAN, provider=(PAID, ProviderPaymentSeen("9-1", "pending", 900)))),
        ("2", replace(CHARGED_BACK, orders=CLEAN.orders)),
        ("2", replace(CLEAN, orders=CHARGED_BACK.orders)),
        ("2", replace(CHARGED_BACK, payments=CLEAN.payments)),
        ("3", replace(CLEAN, provider=(replace(PAID, amount_cents=1),))),
        ("3", replace(CHARGED_BACK, provider=(replace(CHARGED_BACK.provider[0], amount_cents=1),))),
        ("3", replace(CLEAN, provider=())),
        ("4", replace(CLEAN, orders=(SOLD, replace(GONE, status="draft")))),
        ("4", replace(CHARGED_BACK, orders=(replace(CHARGED_BACK.orders[0], status="refunding"), GONE))),
        ("4", replace(CHARGED_BACK, orders=(replace(CHARGED_BACK.orders[0], status="refund_failed"), GONE))),
        (
            "4",
            replace(
                CLEAN, payments=(PaymentSeen("1-1", 1, "approved", 500), PaymentSeen("2-1", 2, "unknown", 9))
            ),
        ),
        ("4", replace(CLEAN, waiting=1)),
        ("5", replace(CLEAN, records=CLEAN.records[:-1])),
        ("5", replace(CLEAN, records=(CLEAN.records[2], *CLEAN.records))),
        ("5", replace(CLEAN, records=(*CLEAN.records, RecordSeen(SALE, 0, "5", "x", 1)))),
        ("5", replace(CLEAN, records=(*CLEAN.records, RecordSeen(SALE, 3, "1", "c", 2)))),
        ("6", replace(CLEAN, provider=(PAID, replace(PAID, status="cancelled")))),
        ("7", replace(CLEAN, ledger=(("1-1", 500), ("1-1", -499)))),
        ("7", replace(CLEAN, ledger=())),
        ("7", replace(CHARGED_BACK, ledger=())),
    ],
)
def test_violation_is_named_when_one_thing_is_wrong(invariant: str, broken: Snapshot) -> None:
    assert [found for found in violations(broken) if found.startswith(invariant)]


def test_every_invariant_of_the_design_is_checked_when_listed() -> None:
    assert [name[0] for name in INVARIANTS] == list("1234567")
