"""How a sale, its payments and what goes with them look as DynamoDB items.

One table, keys `pk` and `sk`. An order's items share the partition `ORDER#<order id>`, sorted so that
one query reads the aggregate and nothing else: `AUDIT#…` and `LEDGER#…` come before `PAY#<attempt>`,
and `SALE` comes last. No item but inbox marks and idempotency keys has the number `expires_at`, by
which DynamoDB deletes: the deadlines of sales and payments are texts called `deadline_at`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from autodeal_payment.app.ports.sale_store import KeptAnswer, KeyChange, SaleChange
from autodeal_payment.domain.ledger import LedgerEntry
from autodeal_payment.domain.payment import Payment
from autodeal_payment.domain.sale import Sale

Item = dict[str, Any]

AGGREGATE_FROM, AGGREGATE_TO = "PAY#", "SALE"
STATUS_SHARDS = 4
"""Partitions over which the payments of one status are spread in their index."""

_encode_answer = msgspec.json.Encoder().encode
_decode_answer = msgspec.json.Decoder(KeptAnswer).decode


def sale_key(order_id: int) -> Item:
    """Return the key of the aggregate's root."""
    return {"pk": {"S": order_partition(order_id)}, "sk": {"S": "SALE"}}


def order_partition(order_id: int) -> str:
    """Return the partition of an order."""
    return f"ORDER#{order_id}"


def sale_item(sale: Sale) -> Item:
    """Write the root; the payments are items of their own."""
    plain = msgspec.to_builtins(sale)
    del plain["payments"]
    return {**sale_key(sale.order_id), **_marshal(plain)}


def payment_item(sale: Sale, payment: Payment) -> Item:
    """Write a payment, with what its indexes sort and filter by."""
    listed = {
        "payment_id": payment.payment_id,
        "buyer_id": sale.buyer_id,
        "sale_idempotency_digest": sale.idempotency_digest,
        "listed_at": f"{sortable(payment.created_at)}#{payment.payment_id}",
        "status_shard": status_partition(payment.state, payment.order_id % STATUS_SHARDS),
    }
    return {
        "pk": {"S": order_partition(payment.order_id)},
        "sk": {"S": f"PAY#{payment.attempt:04d}"},
        **_marshal({**msgspec.to_builtins(payment), **listed}),
    }


def read_sale(items: Sequence[Mapping[str, Any]]) -> Sale | None:
    """Read the aggregate of one query; None when there is no root."""
    root = next((item for item in items if item["sk"]["S"] == "SALE"), None)
    if root is None:
        return None
    plain = _unmarshal(root)
    plain["payments"] = [_unmarshal(item) for item in items if item["sk"]["S"] != "SALE"]
    return msgspec.convert(plain, Sale)


def read_payment(item: Mapping[str, Any]) -> Payment:
    """Read a payment's item, also out of an index."""
    return msgspec.convert(_unmarshal(item), Payment)


def audit_item(change: SaleChange, causation_id: str | None) -> Item:
    """Write what a transaction changed and why; such items are never changed again."""
    before = {payment.attempt: payment for payment in change.before.payments} if change.before else {}
    changed = {
        payment.payment_id: str(payment.state)
        for payment in change.after.payments
        if payment.attempt not in before or before[payment.attempt].state is not payment.state
    }
    plain = {
        "at": change.at.isoformat(),
        "trigger": change.trigger,
        "standing": str(change.after.standing),
        "states": changed,
        "events": [envelope.type for envelope in change.envelopes],
        "causation_id": causation_id or change.handled,
    }
    return {
        "pk": {"S": order_partition(change.after.order_id)},
        "sk": {"S": f"AUDIT#{change.after.version:08d}"},
        **_marshal(plain),
    }


def ledger_item(order_id: int, entry: LedgerEntry) -> Item:
    """Write one side of a posting; such items are never changed again."""
    attempt = int(entry.payment_id.rpartition("-")[2])
    return {
        "pk": {"S": order_partition(order_id)},
        "sk": {"S": f"LEDGER#{attempt:04d}#{entry.posting}#{entry.account}"},
        **_marshal(msgspec.to_builtins(entry)),
    }


def provider_key(provider_id: str) -> Item:
    """Return the key of the item that tells whose the provider's payment is."""
    return {"pk": {"S": f"MP#{provider_id}"}, "sk": {"S": "PAYMENT"}}


def provider_item(payment: Payment, provider_id: str) -> Item:
    """Write whose the provider's payment is."""
    return {
        **provider_key(provider_id),
        **_marshal({"order_id": payment.order_id, "attempt": payment.attempt}),
    }


def answer_key(buyer_id: str, digest: str) -> Item:
    """Return the key of what a buyer's idempotency key stands for."""
    return {"pk": {"S": f"IDEM#{buyer_id}#{digest}"}, "sk": {"S": "ANSWER"}}


def answer_item(buyer_id: str, key: KeyChange, expires_at: datetime) -> Item:
    """Write what a buyer's idempotency key stands for."""
    return {
        **answer_key(buyer_id, key.digest),
        "kept": {"S": _encode_answer(key.kept).decode()},
        "expires_at": {"N": str(int(expires_at.timestamp()))},
    }


def read_answer(item: Mapping[str, Any]) -> KeptAnswer:
    """Read what a buyer's idempotency key stands for."""
    return _decode_answer(item["kept"]["S"])


def status_partition(status: str, shard: int) -> str:
    """Return the partition of a status in its index."""
    return f"{status}#{shard}"


def sortable(moment: datetime) -> str:
    """Write a time in UTC with a fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _marshal(plain: Mapping[str, Any]) -> Item:
    """Write attributes; what is None is left out, since an index's key may not be NULL."""
    renamed = {"deadline_at" if name == "expires_at" else name: value for name, value in plain.items()}
    return {name: _value(value) for name, value in renamed.items() if value is not None}


def _value(value: object) -> Item:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, dict):
        return {"M": {name: _value(member) for name, member in value.items() if member is not None}}
    if isinstance(value, list):
        return {"L": [_value(member) for member in value]}
    return {"S": str(value)}


def _unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: _plain(value) for name, value in item.items()}
    if "deadline_at" in plain:
        plain["expires_at"] = plain.pop("deadline_at")
    return plain


def _plain(value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as dynamic as the store
    ((kind, held),) = value.items()
    if kind == "N":
        return int(held)
    if kind == "M":
        return {name: _plain(member) for name, member in held.items()}
    if kind == "L":
        return [_plain(member) for member in held]
    return held
