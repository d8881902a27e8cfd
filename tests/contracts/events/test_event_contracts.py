"""The promise to readers: recorded events stay readable, schemas stay what was promised."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from autodeal_contracts import catalog
from autodeal_contracts.envelope import Envelope, MalformedEnvelopeError
from autodeal_contracts.schemas import breaking_changes, event_schemas

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))
CONTRACTS = Path(__file__).parents[3] / "libs" / "contracts"


def recorded(path: Path) -> Envelope:
    record = json.loads(path.read_text(encoding="utf-8"))
    return Envelope.from_record(
        topic=record["topic"],
        key=record["key"].encode(),
        headers=[(name, value.encode()) for name, value in record["headers"].items()],
        value=json.dumps(record["value"]).encode(),
    )


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_recorded_event_reads_back_unchanged_when_code_moves_on(path: Path) -> None:
    envelope = recorded(path)
    event = catalog.unseal(envelope)
    resealed = catalog.seal(
        event,
        event_id=envelope.id,
        source=envelope.source.removeprefix("/autodeal/"),
        time=envelope.time,
        sequence=envelope.sequence,
        causation_id=envelope.causation_id,
        traceparent=envelope.traceparent,
    )
    now, then = json.loads(resealed.data), json.loads(path.read_text(encoding="utf-8"))["value"]
    assert {name: now[name] for name in then} == then
    assert resealed.headers() == envelope.headers()
    assert (resealed.topic, resealed.key) == (envelope.topic, envelope.key)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_recorded_event_fits_its_schema_when_validated(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(record["value"], event_schemas()[record["headers"]["ce_type"]])


def test_every_event_type_has_a_recorded_example_when_catalogued() -> None:
    assert {json.loads(path.read_text())["headers"]["ce_type"] for path in CORPUS} == set(catalog.EVENT_TYPES)


def test_checked_in_contracts_are_fresh_when_generated_again() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "autodeal_contracts", "--check", str(CONTRACTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_event_is_read_when_a_newer_writer_added_fields(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    record["value"]["a_field_of_tomorrow"] = {"nested": [1, 2]}
    row = catalog.EVENT_TYPES[record["headers"]["ce_type"]]
    assert row.decoder.decode(json.dumps(record["value"])) == catalog.unseal(recorded(path))


SCHEMA = event_schemas()["payment.created"]


def changed(edit: Any) -> dict[str, Any]:
    schema = copy.deepcopy(SCHEMA)
    edit(schema)
    return schema


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda s: s["properties"].pop("amount_cents"), "amount_cents is gone"),
        (lambda s: s["properties"].update(attempt={"type": "string"}), "attempt has another type"),
        (lambda s: s["required"].append("expires_at"), "expires_at became required"),
        (lambda s: s["required"].remove("attempt"), "attempt may now be missing"),
        (lambda s: s["$defs"]["PaymentMethod"]["enum"].append("cash"), "PaymentMethod has other values"),
        (lambda s: s["$defs"]["PaymentMethod"]["enum"].remove("pix"), "PaymentMethod has other values"),
        (
            lambda s: s["$defs"]["PaymentInstructions"]["properties"].pop("url"),
            "PaymentInstructions.url is gone",
        ),
        (lambda s: s["$defs"].pop("PaymentInstructions"), "PaymentInstructions is gone"),
    ],
)
def test_change_is_refused_when_readers_could_not_stand_it(edit: Any, complaint: str) -> None:
    assert complaint in breaking_changes(SCHEMA, changed(edit))


def test_change_is_allowed_when_a_field_with_a_default_is_added() -> None:
    added = changed(lambda s: s["properties"].update(note={"type": "string", "default": ""}))
    assert breaking_changes(SCHEMA, added) == []


def test_generator_refuses_to_write_when_a_promised_type_is_gone(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "sale.paused.json").write_text("{}")
    run = subprocess.run(
        [sys.executable, "-m", "autodeal_contracts", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "sale.paused: the event type is gone" in run.stderr
    assert list(tmp_path.rglob("*.json")) == [tmp_path / "schemas" / "sale.paused.json"]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("ce_specversion", b"0.3")],
        [("ce_specversion", b"\xff")],
        [(name, value) for name, value in recorded(CORPUS[0]).headers() if name != "ce_id"],
        [*recorded(CORPUS[0]).headers(), ("ce_sequence", b"many")],
    ],
)
def test_envelope_is_refused_when_its_headers_are_not_an_event(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(MalformedEnvelopeError):
        Envelope.from_record(topic="t", key=b"k", headers=headers, value=b"{}")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b'{"type":"sale.completed"}', b'{"type":"other"}']
)
def test_event_is_refused_when_its_data_is_unreadable(data: bytes) -> None:
    envelope = Envelope(
        topic="autodeal.sale.v1",
        key="1",
        id="e",
        type="sale.completed",
        source="/autodeal/vehicle",
        subject="order/1",
        time=recorded(CORPUS[0]).time,
        sequence=1,
        correlation_id="1",
        data=data,
    )
    with pytest.raises(catalog.UndecodableEventError):
        catalog.unseal(envelope)
