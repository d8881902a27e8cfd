"""The operator commands of a service: `dlq list | show | redrive | discard | audit`."""

from __future__ import annotations

import argparse
import getpass
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import TextIO

from autodeal_messaging.parking.operate import ParkingOperator, UnknownRecordError
from autodeal_messaging.parking.port import ParkedFilter, ParkedState, ParkingStore
from autodeal_messaging.parking.print_parked import (
    print_audit,
    print_plan,
    print_progress,
    print_record,
    print_records,
    print_result,
)

NOT_FOUND = 1
USAGE_ERROR = 2
LIST_LIMIT = 100


def add_dlq_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], *, with_outbox: bool = False
) -> None:
    """Add `dlq` and its own commands to a service's command line.

    `with_outbox` adds a switch to the events that the service's relay has set aside.
    """
    dlq = commands.add_parser("dlq", help="look at records that failed, and bring them through")
    if with_outbox:
        dlq.add_argument(
            "--outbox", action="store_true", help="events that Kafka refused, not records that failed here"
        )
    acts = dlq.add_subparsers(dest="act", required=True)
    listing = acts.add_parser("list", help="list parked and dead records")
    _add_filter(listing)
    listing.add_argument("--limit", type=_positive_int, default=LIST_LIMIT, help="at most so many")
    show = acts.add_parser("show", help="show one record with headers, value and last error")
    show.add_argument("id")
    redrive = acts.add_parser("redrive", help="try again now, in the order of each key")
    redrive.add_argument("id", nargs="?", help="the key of this record")
    _add_filter(redrive)
    redrive.add_argument("--all", action="store_true", help="every key that the filters leave")
    redrive.add_argument("--dry-run", action="store_true", help="only say what would be tried")
    redrive.add_argument("--rate", type=_positive, metavar="N", help="at most N records a second")
    redrive.add_argument("--reason", default="", help="kept in the audit trail")
    discard = acts.add_parser("discard", help="remove a record for good")
    discard.add_argument("id")
    discard.add_argument("--reason", required=True, type=_said, help="kept in the audit trail")
    audit = acts.add_parser("audit", help="list what operators did, the latest first")
    audit.add_argument("--limit", type=_positive_int, default=LIST_LIMIT, help="at most so many")
    for act in (listing, show, redrive, discard, audit):
        act.add_argument("--json", action="store_true", help="one JSON document for scripts")
    for act in (redrive, discard):
        act.add_argument("--operator", default=None, help="who does this; by default user@host")


async def run_dlq(
    arguments: argparse.Namespace, store: ParkingStore, out: TextIO | None = None, err: TextIO | None = None
) -> int:
    """Run one command; return the exit code."""
    out, err = out or sys.stdout, err or sys.stderr
    operator = ParkingOperator(store, getattr(arguments, "operator", None) or _whoami())
    try:
        return await _ACTS[arguments.act](arguments, operator, out, err)
    except UnknownRecordError as error:
        err.write(f"{error}\n")
        return NOT_FOUND


async def _list(arguments: argparse.Namespace, operator: ParkingOperator, out: TextIO, _err: TextIO) -> int:
    found = await operator.find(_filter(arguments), arguments.limit)
    print_records(found, out, as_json=arguments.json)
    return 0


async def _show(arguments: argparse.Namespace, operator: ParkingOperator, out: TextIO, _err: TextIO) -> int:
    print_record(await operator.show(arguments.id), out, as_json=arguments.json)
    return 0


async def _redrive(arguments: argparse.Namespace, operator: ParkingOperator, out: TextIO, err: TextIO) -> int:
    chosen = [arguments.id is not None, arguments.key is not None, arguments.all]
    if sum(chosen) != 1:
        err.write("redrive wants one of: an id, --key or --all\n")
        return USAGE_ERROR
    wanted = _filter(arguments)
    if arguments.id is not None:
        record = await operator.show(arguments.id)
        wanted = ParkedFilter(topic=record.topic, key=record.key)
    plan = await operator.plan(wanted)
    if arguments.dry_run:
        print_plan(plan, out, as_json=arguments.json)
        return 0
    last = None
    async for progress in operator.redrive(plan, records_per_second=arguments.rate, reason=arguments.reason):
        print_progress(progress, err)
        last = progress
    print_result(last, out, as_json=arguments.json)
    return 0


async def _discard(
    arguments: argparse.Namespace, operator: ParkingOperator, out: TextIO, _err: TextIO
) -> int:
    print_records([await operator.discard(arguments.id, arguments.reason)], out, as_json=arguments.json)
    return 0


async def _audit(arguments: argparse.Namespace, operator: ParkingOperator, out: TextIO, _err: TextIO) -> int:
    print_audit(await operator.audit_trail(arguments.limit), out, as_json=arguments.json)
    return 0


_Act = Callable[[argparse.Namespace, ParkingOperator, TextIO, TextIO], Awaitable[int]]
_ACTS: dict[str, _Act] = {
    "list": _list,
    "show": _show,
    "redrive": _redrive,
    "discard": _discard,
    "audit": _audit,
}


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--topic", help="only of this topic")
    parser.add_argument("--key", help="only of this key")
    parser.add_argument("--state", choices=[state.value for state in ParkedState], help="only in this state")


def _filter(arguments: argparse.Namespace) -> ParkedFilter:
    state = ParkedState(arguments.state) if arguments.state else None
    return ParkedFilter(topic=arguments.topic, key=arguments.key, state=state)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def _positive_int(text: str) -> int:
    return int(_positive(str(int(text))))


def _said(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must say something")
    return text


def _whoami() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
