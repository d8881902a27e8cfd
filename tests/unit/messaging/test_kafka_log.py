"""An absent broker does not fill the log."""

from __future__ import annotations

import logging

import pytest

from autodeal_messaging import kafka_log
from autodeal_messaging.kafka_log import RepeatedLines, limit_repeated_lines


def test_lines_grow_rarer_when_they_are_repeated(caplog: pytest.LogCaptureFixture) -> None:
    limit_repeated_lines()
    limit_repeated_lines()
    logger = logging.getLogger("aiokafka")
    assert sum(isinstance(each, RepeatedLines) for each in logger.filters) == 1
    for number in range(1_000):
        logger.error("Unable to connect, as a test has it, to %s", number)
    logger.error("something else, as a test has it")
    assert len(caplog.records) == 10 + 1


def test_a_line_is_new_when_it_was_not_repeated_for_long(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_log, "QUIET_SECONDS", -1.0)
    monkeypatch.setattr(kafka_log, "MAXIMUM_TEXTS", 3)
    limit_repeated_lines()
    logger = logging.getLogger("aiokafka.conn")
    for number in range(5):
        logger.error("gone, as a test has it")
        logger.error("gone, as a test has it, " + str(number))  # noqa: G003  # a text of its own each time
    assert len(caplog.records) == 10
