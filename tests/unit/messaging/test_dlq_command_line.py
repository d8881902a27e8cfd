"""What an operator types, and what comes back."""

from __future__ import annotations

import argparse
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.memory.parking_store import MemoryParkingStore
from autodeal_messaging.parking.command_line import add_dlq_command, run_dlq
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedFilter, ParkedRecord, ParkedState

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Shell:
    """A service's command line on a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryParkingStore(MemoryInbox(), "group")
        self.err = io.StringIO()
        self._parser = argparse.ArgumentParser()
        add_dlq_command(self._parser.add_subparsers(dest="command", required=True))

    async def run(self, *words: str, code: int = 0) -> str:
        out = io.StringIO()
        found = await run_dlq(self._parser.parse_args(["dlq", *words]), self.store, out, self.err)
        assert found == code
        return out.getvalue()

    async def park(
        self, key: str, offset: int, *, dead: bool = False, error: str = "RuntimeError: no"
    ) -> str:
        await self.store.park(
            ParkedRecord(
                group="group",
                topic="autodeal.test.v1",
                partition=0,
                offset=offset,
                timestamp_ms=0,
                key=key,
                record_key=key.encode(),
                headers=(("ce_id", b"event"), ("odd", b"\xff")),
                value=b'{"a":1}',
                event_id=f"{key}-{offset}",
                event_type="test.happened",
                state=ParkedState.DEAD if dead else ParkedState.PARKED,
                attempts=3,
                next_attempt_at=None if dead else NOW,
                last_error=error,
                parked_at=NOW,
            )
        )
        return list(self.store.records)[-1]


@pytest.fixture
def shell() -> Shell:
    return Shell()


async def test_records_are_listed_for_people_when_asked(shell: Shell) -> None:
    await shell.park("a", 1, dead=True, error="ValueError: \x1b[2J" + "x" * 100)
    await shell.park("b", 2)
    titles, first, second = (await shell.run("list")).splitlines()
    assert titles.split()[:3] == ["id", "state", "topic"]
    assert first.split()[:4] == ["1", "dead", "autodeal.test.v1", "a"]
    assert "\x1b" not in first
    assert first.endswith("…")
    assert "2026-01-01 12:00:00" in second


async def test_records_are_listed_for_scripts_when_json_is_asked_for(shell: Shell) -> None:
    await shell.park("a", 1, dead=True)
    await shell.park("a", 2)
    await shell.park("b", 3)
    found = json.loads(await shell.run("list", "--json", "--key", "a"))
    assert [(one["id"], one["state"], one["offset"]) for one in found] == [
        ("1", "dead", 1),
        ("2", "parked", 2),
    ]
    assert json.loads(await shell.run("list", "--json", "--state", "dead", "--topic", "none")) == []
    assert len(json.loads(await shell.run("list", "--json", "--limit", "1"))) == 1


async def test_one_record_is_shown_whole_when_named(shell: Shell) -> None:
    record_id = await shell.park("a", 1)
    shown = await shell.run("show", record_id)
    assert "ce_id: event" in shown
    assert '{"a":1}' in shown
    assert "RuntimeError: no" in shown
    found = json.loads(await shell.run("show", record_id, "--json"))
    assert (found["value"], found["value_base64"]) == ('{"a":1}', "eyJhIjoxfQ==")
    assert found["headers"][1] == {"name": "odd", "value": "\\xff"}


@pytest.mark.parametrize("words", [("show", "9"), ("redrive", "9"), ("discard", "9", "--reason", "x")])
async def test_it_says_so_when_no_record_has_the_id(shell: Shell, words: tuple[str, ...]) -> None:
    await shell.run(*words, code=1)
    assert "no parked record is called 9" in shell.err.getvalue()


async def test_nothing_changes_when_a_redrive_is_only_tried(shell: Shell) -> None:
    await shell.park("a", 1, dead=True)
    await shell.park("a", 2)
    before = dict(shell.store.records)
    assert "Would redrive 1 keys with 2 records" in await shell.run("redrive", "--all", "--dry-run")
    planned = json.loads(await shell.run("redrive", "--all", "--dry-run", "--json"))
    assert (planned["keys"], planned["records"], planned["first_records"][0]["key"]) == (1, 2, "a")
    assert shell.store.records == before
    assert not shell.store.audit


@pytest.mark.parametrize(
    ("words", "revived"),
    [
        (("--all",), {"a", "b"}),
        (("--all", "--state", "dead"), {"a"}),
        (("--key", "b"), {"b"}),
        (("--key", "b", "--topic", "other.v1"), set()),
        (("2",), {"a"}),
    ],
)
async def test_the_chosen_keys_are_due_when_redriven(
    shell: Shell, words: tuple[str, ...], revived: set[str]
) -> None:
    await shell.park("a", 1, dead=True)
    await shell.park("a", 2)
    await shell.park("b", 3)
    done = await shell.run("redrive", *words, "--operator", "ana", "--reason", "mended")
    assert done.startswith(f"Redriven {len(revived)} keys")
    assert {entry.key for entry in shell.store.audit} == revived
    assert {(entry.operator, entry.act, entry.reason) for entry in shell.store.audit} <= {
        ("ana", "redrive", "mended")
    }
    assert {one.key for one in shell.store.records.values() if one.attempts == 0} >= revived


@pytest.mark.parametrize("words", [(), ("--all", "--key", "a"), ("1", "--all")])
async def test_nothing_is_redriven_when_it_is_not_said_what(shell: Shell, words: tuple[str, ...]) -> None:
    await shell.park("a", 1, dead=True)
    await shell.run("redrive", *words, code=2)
    assert not shell.store.audit


async def test_a_bar_is_drawn_when_somebody_watches(shell: Shell) -> None:
    for number in range(3):
        await shell.park(f"key-{number}", number, dead=True)
    shell.err = Terminal()
    await shell.run("redrive", "--all")
    assert "[##########--------------------] 1/3 keys" in shell.err.getvalue()
    assert shell.err.getvalue().endswith("3/3 keys, 3 records\n")


async def test_all_records_of_a_key_count_when_a_rate_is_kept(shell: Shell) -> None:
    for key, records in (("a", 5), ("b", 1), ("c", 1)):
        for number in range(records):
            await shell.park(key, ord(key) * 10 + number)
    slept: list[float] = []
    operator = ParkingOperator(shell.store, "ana", sleep=slept.append)
    plan = await operator.plan(ParkedFilter())
    async for _ in operator.redrive(plan, records_per_second=10, reason=""):
        pass
    assert slept == [0.5, 0.1], "nobody waits after the last one"


async def test_keys_that_went_by_themselves_are_told_when_redriven(shell: Shell) -> None:
    await shell.park("a", 1)
    await shell.park("b", 2)
    operator = ParkingOperator(shell.store, "ana")
    plan = await operator.plan(ParkedFilter())
    told = []
    async for progress in operator.redrive(plan, records_per_second=None, reason=""):
        told.append(progress)
        shell.store.records.clear()
    assert len(told) == 2
    assert (progress.revived_keys, progress.gone_keys, progress.gone) == (1, 1, ["b"])


async def test_keys_are_read_page_by_page_when_there_are_many(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redrive of millions holds one page of them in memory."""
    monkeypatch.setattr("autodeal_messaging.parking.operate.PAGE", 7)
    monkeypatch.setattr("autodeal_messaging.parking.operate.PLAN_KEYS", 3)
    for number in range(30):
        await shell.park(f"key-{number}", number, dead=True)
    asked: list[int] = []
    read = shell.store.keys

    async def keys(wanted: ParkedFilter, *, after: Any, limit: int) -> Any:
        page = await read(wanted, after=after, limit=limit)
        asked.append(len(page))
        return page

    monkeypatch.setattr(shell.store, "keys", keys)
    planned = await shell.run("redrive", "--all", "--state", "dead", "--dry-run")
    assert planned.endswith("… and 27 more keys.\nWould redrive 30 keys with 30 records.\n")
    assert asked == [7, 7, 7, 7, 2]
    assert json.loads(await shell.run("redrive", "--all", "--state", "dead", "--json"))["keys"] == 30
    assert {one.state for one in shell.store.records.values()} == {ParkedState.PARKED}


async def test_a_record_is_gone_and_audited_when_discarded(shell: Shell) -> None:
    record_id = await shell.park("a", 1, dead=True)
    await shell.run("discard", record_id, "--reason", "sent by mistake", "--operator", "ana")
    assert not shell.store.records
    [entry] = json.loads(await shell.run("audit", "--json"))
    assert (entry["operator"], entry["act"], entry["reason"]) == ("ana", "discard", "sent by mistake")
    assert "sent by mistake" in await shell.run("audit")


@pytest.mark.parametrize(
    "words",
    [
        ("discard", "1"),
        ("discard", "1", "--reason", " "),
        ("redrive", "--all", "--rate", "0"),
        ("redrive", "--all", "--rate", "inf"),
        ("list", "--limit", "0"),
        ("list", "--state", "asleep"),
        (),
    ],
)
async def test_it_is_refused_when_it_makes_no_sense(
    shell: Shell, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        await shell.run(*words)
    assert ended.value.code == 2
    assert capsys.readouterr().err


async def test_the_user_is_named_when_no_operator_is_given(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> Any:
        raise OSError

    monkeypatch.setattr("getpass.getuser", nameless)
    await shell.run("discard", await shell.park("a", 1), "--reason", "x")
    assert shell.store.audit[0].operator.startswith("unknown@")
