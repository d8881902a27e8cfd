from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from autodeal_platform.logs import configure_logging, get_logger
from autodeal_platform.settings import Secret
from autodeal_platform.telemetry import bind_purchase, bind_request, new_traceparent

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream = io.BytesIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    configure_logging("example", "INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers, root.level = before


@dataclass
class Person:
    cpf: str


def test_line_is_one_json_object_with_the_bound_ids_when_written(lines: Lines) -> None:
    with bind_request("r-1", new_traceparent()), bind_purchase(correlation_id="7", causation_id="e"):
        get_logger("some.module").info("sale.initialized", vehicle_id=3)
    (line,) = lines()
    assert line["event"] == "sale.initialized"
    assert line["level"] == "info"
    assert line["service"] == "example"
    assert line["logger"] == "some.module"
    assert (line["request_id"], line["correlation_id"], line["causation_id"]) == ("r-1", "7", "e")
    assert line["vehicle_id"] == 3
    assert line["timestamp"].endswith("+00:00")


def test_line_is_left_out_when_it_is_less_severe_than_the_level(lines: Lines) -> None:
    get_logger("x").debug("detail")
    logging.getLogger("some.library").debug("detail")
    assert lines() == []


def test_the_row_that_a_statement_met_is_left_out_when_its_error_is_logged(lines: Lines) -> None:
    refused = "duplicate key value\nDETAIL:  Key (cpf)=(12345678901) already exists.\nHINT:  Another one."
    try:
        raise RuntimeError(refused)
    except RuntimeError as error:
        get_logger("x").error("it.failed", exc_info=error)
    (line,) = lines()
    assert "12345678901" not in line["exception"]
    assert "duplicate key value\nHINT:  Another one." in line["exception"]


def test_nothing_of_an_entity_or_secret_is_written_when_one_is_logged(lines: Lines) -> None:
    get_logger("x").info("user.registered", person=Person("12345678901"), password=Secret("hunter2"))
    (line,) = lines()
    assert line["person"] == "<Person>"
    assert line["password"] == "<Secret>"


def test_standard_library_lines_look_the_same_when_libraries_write_them(lines: Lines) -> None:
    with bind_purchase(correlation_id="7"):
        logging.getLogger("some.library").warning("took %d tries", 3)
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("took 3 tries", "warning", "some.library")
    assert line["correlation_id"] == "7"


def test_chatty_libraries_are_quiet_when_they_only_inform(lines: Lines) -> None:
    logging.getLogger("aiokafka.consumer").info("joined group")
    logging.getLogger("uvicorn.error").error("broken")
    assert [line["event"] for line in lines()] == ["broken"]


def test_trace_is_written_in_the_line_when_an_error_is_logged(lines: Lines) -> None:
    try:
        raise RuntimeError("why")
    except RuntimeError as error:
        get_logger("x").error("it.failed", exc_info=error)
        logging.getLogger("some.library").exception("it failed")
    assert ["RuntimeError: why" in line["exception"] for line in lines()] == [True, True]
