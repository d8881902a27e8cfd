"""The envelope of one event: CloudEvents 1.0 in Kafka's binary mode.

The attributes travel as record headers, the event as the record's value. Messaging moves envelopes
without looking inside; only `catalog` turns them into events and back.

Source: CloudEvents 1.0.2, "Kafka Protocol Binding", section 3.2.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

SPEC_VERSION = "1.0"
CONTENT_TYPE = b"application/json"


class MalformedEnvelopeError(ValueError):
    """A record whose headers are not those of an event; it can never be handled as it stands."""

    code = "malformed_envelope"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way: addressed, numbered, and linked to what caused it."""

    topic: str
    key: str
    """The partition key; order holds among records that share it."""
    id: str
    """Unique for ever: the inbox tells repeats by it."""
    type: str
    source: str
    """The service that committed the event, as `/autodeal/<service>`."""
    subject: str
    """The aggregate, as `<kind>/<id>`."""
    time: datetime
    """When the state changed, in UTC."""
    sequence: int
    """The aggregate's own count of its events, from 1 without gaps, so that a loss is visible."""
    correlation_id: str
    """The order of the purchase that all this belongs to."""
    causation_id: str | None = None
    """The id of the event that was being handled, if any."""
    traceparent: str | None = None
    """W3C trace context of the commit."""
    data: bytes = b""
    """The event itself, encoded."""

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the CloudEvents attributes as Kafka record headers."""
        found = [
            ("ce_specversion", SPEC_VERSION.encode()),
            ("ce_id", self.id.encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_subject", self.subject.encode()),
            ("ce_time", self.time.isoformat().encode()),
            ("ce_sequence", str(self.sequence).encode()),
            ("ce_correlationid", self.correlation_id.encode()),
            ("content-type", CONTENT_TYPE),
        ]
        if self.causation_id is not None:
            found.append(("ce_causationid", self.causation_id.encode()))
        if self.traceparent is not None:
            found.append(("traceparent", self.traceparent.encode()))
        return found

    @classmethod
    def from_record(
        cls, *, topic: str, key: bytes | None, headers: Iterable[tuple[str, bytes]], value: bytes | None
    ) -> Envelope:
        """Read an envelope back from a Kafka record.

        Raises MalformedEnvelopeError when an attribute is missing or unreadable.
        """
        try:
            found = {name: raw.decode() for name, raw in headers}
            if found["ce_specversion"] != SPEC_VERSION:
                raise MalformedEnvelopeError(f"CloudEvents {found['ce_specversion']} is not understood")
            return cls(
                topic=topic,
                key=(key or b"").decode(),
                id=found["ce_id"],
                type=found["ce_type"],
                source=found["ce_source"],
                subject=found["ce_subject"],
                time=datetime.fromisoformat(found["ce_time"]),
                sequence=int(found["ce_sequence"]),
                correlation_id=found["ce_correlationid"],
                causation_id=found.get("ce_causationid"),
                traceparent=found.get("traceparent"),
                data=value or b"",
            )
        except MalformedEnvelopeError:
            raise
        except KeyError as error:
            raise MalformedEnvelopeError(f"the header {error.args[0]} is missing") from None
        except (ValueError, AttributeError) as error:
            raise MalformedEnvelopeError(f"a header is unreadable: {error}") from None
