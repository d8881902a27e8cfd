"""What the write sides put into a transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, update
from sqlalchemy.dialects import postgresql

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.dynamodb.write import deadline_put, inbox_put, outbox_put, sortable_time
from autodeal_messaging.outbox.headers import decode_headers
from autodeal_messaging.outbox.port import shard_of
from autodeal_messaging.postgres.write import outbox_insert, outbox_values

Event = Callable[..., Envelope]


def item_of(element: Any) -> Any:
    return element["Put"]["Item"]


NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_the_outbox_row_holds_the_whole_event_when_written(event: Event) -> None:
    sent = event("10001", 3)
    values = outbox_values(sent, 64)
    assert decode_headers(values["headers"]) == sent.headers()
    assert (values["topic"], values["key"], values["value"]) == (sent.topic, sent.key, sent.data)
    assert values["shard"] == shard_of(sent.key, 64)


def test_the_outbox_insert_selects_from_the_change_when_it_is_folded(event: Event) -> None:
    """So the id is drawn after the aggregate was locked, and only if it was changed."""
    order = Table("orders", MetaData(), Column("id", Integer), Column("version", Integer))
    changed = update(order).values(version=2).where(order.c.id == 1).returning(order.c.id).cte("changed")
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it
    statement = str(outbox_insert(event("1", 1), changed).compile(dialect=dialect))
    assert "INSERT INTO outbox (shard, topic, key, headers, value) SELECT" in statement
    assert statement.rstrip().endswith("FROM changed")


def test_outbox_items_sort_by_sequence_when_they_share_a_key(event: Event) -> None:
    keys = [
        item_of(outbox_put("table", event("1", sequence), 8))["sk"]["S"]
        for sequence in (1, 2, 9, 10, 11, 100, 1_000_000)
    ]
    assert keys == sorted(keys)


def test_outbox_items_of_two_topics_differ_when_key_and_sequence_are_the_same(event: Event) -> None:
    first = item_of(outbox_put("table", event("1", 1, topic="a.v1"), 8))
    second = item_of(outbox_put("table", event("1", 1, topic="b.v1"), 8))
    assert first["pk"] == second["pk"]
    assert first["sk"] != second["sk"]


def test_the_inbox_item_expires_when_its_retention_is_over() -> None:
    item = item_of(inbox_put("table", "payment", "event-1", now=NOON, retention=timedelta(days=14)))
    assert item["expires_at"]["N"] == str(int(NOON.timestamp()) + 14 * 24 * 3600)


def test_times_sort_as_text_when_zones_and_precisions_differ() -> None:
    sao_paulo = timezone(timedelta(hours=-3))
    times = [
        NOON,
        NOON + timedelta(microseconds=1),
        (NOON + timedelta(seconds=1)).astimezone(sao_paulo),
        NOON + timedelta(hours=1),
    ]
    written = [sortable_time(moment) for moment in times]
    assert written == sorted(written)


def test_a_deadline_has_one_place_when_written_twice() -> None:
    first = item_of(deadline_put("table", "sale", "1", NOON))
    second = item_of(deadline_put("table", "sale", "1", NOON))
    assert (first["pk"], first["sk"]) == (second["pk"], second["sk"])
