"""Parked records for people (tables) and for scripts (JSON)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TextIO

import msgspec

from autodeal_messaging.parking.headers import readable
from autodeal_messaging.parking.operate import Redrive, RedrivePlan
from autodeal_messaging.parking.port import AuditEntry, ParkedRecord

COLUMN_LIMIT = 60
BAR_WIDTH = 30


def print_records(records: Sequence[ParkedRecord], out: TextIO, *, as_json: bool) -> None:
    """Print a list of records."""
    if as_json:
        _print_json([_summary(record) for record in records], out)
        return
    rows = [
        (
            record.id,
            record.state.value,
            record.topic,
            record.key,
            record.event_type or "?",
            str(record.attempts),
            _time(record.next_attempt_at),
            record.last_error,
        )
        for record in records
    ]
    _print_table(("id", "state", "topic", "key", "type", "attempts", "next attempt", "last error"), rows, out)


def print_record(record: ParkedRecord, out: TextIO, *, as_json: bool) -> None:
    """Print one record whole."""
    if as_json:
        _print_json(_whole(record), out)
        return
    lines = [f"{name + ':':17}{'-' if value is None else value}" for name, value in _summary(record).items()]
    lines += ["headers:", *(f"  {name}: {readable(raw)}" for name, raw in record.headers)]
    lines += ["value:", f"  {'-' if record.value is None else readable(record.value)}"]
    out.writelines(_printable(line) + "\n" for line in lines)


def print_plan(plan: RedrivePlan, out: TextIO, *, as_json: bool) -> None:
    """Print what a redrive would revive."""
    if as_json:
        _print_json(
            {
                "dry_run": True,
                "keys": plan.keys,
                "records": plan.records,
                "first_records": [_summary(key.first) | {"records": key.records} for key in plan.first_keys],
            },
            out,
        )
        return
    rows = [
        (key.first.id, key.first.state.value, key.topic, key.key, str(key.records), key.first.last_error)
        for key in plan.first_keys
    ]
    _print_table(("first id", "state", "topic", "key", "records", "last error"), rows, out)
    if plan.keys > len(plan.first_keys):
        out.write(f"… and {plan.keys - len(plan.first_keys)} more keys.\n")
    out.write(f"Would redrive {plan.keys} keys with {plan.records} records.\n")


def print_progress(progress: Redrive, err: TextIO) -> None:
    """Draw a bar, for a person who waits at a terminal."""
    if not err.isatty():
        return
    done = progress.revived_keys + progress.gone_keys
    # Some may have been parked since they were counted.
    filled = BAR_WIDTH * min(done, progress.keys) // max(1, progress.keys)
    bar = "#" * filled + "-" * (BAR_WIDTH - filled)
    err.write(f"\r[{bar}] {done}/{progress.keys} keys, {progress.revived_records} records")
    if done == progress.keys:
        err.write("\n")
    err.flush()


def print_result(progress: Redrive | None, out: TextIO, *, as_json: bool) -> None:
    """Print how a redrive ended."""
    progress = progress or Redrive(keys=0, records=0)
    if as_json:
        _print_json(
            {
                "dry_run": False,
                "keys": progress.revived_keys,
                "records": progress.revived_records,
                "gone": progress.gone,
            },
            out,
        )
        return
    out.write(f"Redriven {progress.revived_keys} keys with {progress.revived_records} records.\n")
    if progress.gone:
        out.write(f"{progress.gone_keys} keys had gone before it was their turn.\n")


def print_audit(entries: Sequence[AuditEntry], out: TextIO, *, as_json: bool) -> None:
    """Print what operators did."""
    if as_json:
        _print_json(entries, out)
        return
    rows = [
        (_time(one.at), one.operator, one.act, one.topic, one.key, one.record_id, one.reason or "-")
        for one in entries
    ]
    _print_table(("at", "operator", "act", "topic", "key", "id", "reason"), rows, out)


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    cells = [[_shortened(cell) for cell in row] for row in [titles, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.write(line.rstrip() + "\n")


def _shortened(cell: str) -> str:
    line = _printable(cell)
    return line if len(line) <= COLUMN_LIMIT else line[: COLUMN_LIMIT - 1] + "…"


def _printable(text: str) -> str:
    """Return a text that cannot move a terminal's cursor, whoever wrote it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "-"


def _summary(record: ParkedRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "group": record.group,
        "state": record.state.value,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "event_id": record.event_id,
        "event_type": record.event_type,
        "attempts": record.attempts,
        "next_attempt_at": record.next_attempt_at,
        "last_error": record.last_error,
        "parked_at": record.parked_at,
    }


def _whole(record: ParkedRecord) -> dict[str, Any]:
    return _summary(record) | {
        "headers": [{"name": name, "value": readable(value)} for name, value in record.headers],
        "value": None if record.value is None else readable(record.value),
        "value_base64": None if record.value is None else base64.b64encode(record.value).decode(),
    }


def _print_json(document: object, out: TextIO) -> None:
    out.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
