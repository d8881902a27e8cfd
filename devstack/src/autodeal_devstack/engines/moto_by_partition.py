"""Have moto's DynamoDB look only at the partitions that a request names.

Out of the box it copies whole tables for each transaction and sorts whole tables for each query, so
that a few thousand items make it crawl. The answers stay the same.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

PLAIN_TRANSACTION = DynamoDBBackend.transact_write_items
PLAIN_QUERY = Table.query

_named: dict[str, list[dict[str, Any]]] = {}
"""The attributes that the running transaction names, by table; empty outside transactions."""


def work_by_partition() -> None:
    """Change moto within this process, which serves one request at a time."""
    setattr(DynamoDBBackend, "transact_write_items", transact_write_items)  # noqa: B010 mypy guards methods
    setattr(Table, "__deepcopy__", copy_table)  # noqa: B010 mypy guards methods
    setattr(Table, "query", query)  # noqa: B010 mypy guards methods


def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Run a transaction, having noted what it may change."""
    for operation in transact_items:
        for details in operation.values():
            keyed = details.get("Key") or details.get("Item") or {}
            _named.setdefault(details.get("TableName", ""), []).append(keyed)
    try:
        PLAIN_TRANSACTION(backend, transact_items)
    finally:
        _named.clear()


def copy_table(table: Table, memo: dict[int, Any]) -> Table:
    """Copy a table to roll back to: deep where the transaction may change it, else shared."""
    if table.name not in _named:
        return copy_whole_table(table, memo)
    copied = copy.copy(table)
    copied.items = copy.copy(table.items)
    for keyed in _named[table.name]:
        if table.hash_key_attr in keyed:
            key = DynamoType(keyed[table.hash_key_attr])
            if key in table.items:
                copied.items[key] = copy.deepcopy(table.items[key], memo)
    return copied


def copy_whole_table(table: Table, memo: dict[int, Any]) -> Table:
    """Copy a table as `copy.deepcopy` does when nothing is said about it."""
    copied: Table = object.__new__(table.__class__)
    memo[id(table)] = copied
    copied.__dict__.update({name: copy.deepcopy(value, memo) for name, value in table.__dict__.items()})
    return copied


def query(
    table: Table,
    hash_key: DynamoType | None,
    *arguments: Any,  # noqa: ANN401 passed on as they are
    **named: Any,  # noqa: ANN401 passed on as they are
) -> tuple[list[Item], int, dict[str, Any] | None]:
    """Query a table's partition without sorting the others; an index is queried as ever."""
    index_name = named.get("index_name", arguments[6] if len(arguments) > 6 else None)  # noqa: PLR2004 its place
    if index_name or hash_key is None or not table.has_range_key:
        return PLAIN_QUERY(table, hash_key, *arguments, **named)
    partition = list(table.items[hash_key].values()) if hash_key in table.items else []
    table.__dict__["all_items"] = lambda: partition
    try:
        return PLAIN_QUERY(table, hash_key, *arguments, **named)
    finally:
        del table.__dict__["all_items"]
