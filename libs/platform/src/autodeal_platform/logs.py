"""Logs: one JSON object per line on standard error, each with the ids of what it belongs to.

Events have dotted names and carry ids, never entities: a value that is a struct or any other object
is written as its type's name, so that no personal data slips through.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, BinaryIO, Final, cast

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from autodeal_platform.telemetry import bound_ids

_PLAIN: Final = (str, int, float, list, tuple, dict, type(None))
_QUIET_LOGGERS: Final = (
    "aiobotocore",
    "aiokafka",
    "asyncio",
    "boto3",
    "botocore",
    "httpx",
    "urllib3",
    "uvicorn",
)
"""Libraries whose info and debug lines tell us nothing, or tell too much (request bodies)."""

_ROW_DETAIL: Final = re.compile(r"\nDETAIL: .*")

_encoder = msgspec.json.Encoder(enc_hook=lambda value: f"<{type(value).__name__}>")


def configure_logging(service: str, level: str, stream: BinaryIO | None = None) -> None:
    """Send this process's logs, structlog's and the standard library's, to `stream` as JSON lines."""
    severity = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _Stamp(service),
            structlog.processors.format_exc_info,
            _hide_rows,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=structlog.BytesLoggerFactory(stream or sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(severity)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(severity, logging.WARNING))


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger; its name is written with each line."""
    return cast(FilteringBoundLogger, structlog.get_logger(logger_name=name))


class _Stamp:
    """Adds when, how severe, which service, and the ids bound in `telemetry`."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        stamped: EventDict = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": method,
            "event": event.pop("event", ""),
            "service": self._service,
            "logger": event.pop("logger_name", ""),
        }
        stamped.update(bound_ids())
        stamped.update(event)
        return stamped


def _hide_rows(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out what PostgreSQL tells of the row that a statement met: it may be anybody's."""
    if isinstance(told := event.get("exception"), str):
        event["exception"] = _ROW_DETAIL.sub("", told)
    return event


def _render(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> bytes:
    for name, value in event.items():
        if not isinstance(value, _PLAIN) or isinstance(value, Enum):
            event[name] = _plain(value)
    return _encoder.encode(event)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    return f"<{type(value).__name__}>"


class _ToStructlog(logging.Handler):
    """Hands the standard library's records over, so that a process has one kind of log line."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            structlog.get_logger(logger_name=record.name).log(
                record.levelno, record.getMessage(), exc_info=record.exc_info or None
            )
        except Exception:  # noqa: BLE001  a log line must never fail the work it tells of
            self.handleError(record)
