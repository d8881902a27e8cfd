"""The AsyncAPI 3 document of the topics and their events."""

from __future__ import annotations

from typing import Any

from autodeal_contracts.catalog import EVENT_TYPES, EventType
from autodeal_contracts.schemas import event_schemas
from autodeal_contracts.topics import TOPICS, Topic

CONSUMERS = {
    "autodeal.sale.v1": ("payment",),
    "autodeal.payment.v1": ("vehicle",),
    "autodeal.notification.v1": ("payment",),
}
"""Which services read a topic; each reads as the consumer group `autodeal-<service>`."""

_HEADERS = {
    "type": "object",
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "ce_sequence",
        "ce_correlationid",
    ],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "Unique for ever; repeats are told by it."},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "description": "/autodeal/<service>"},
        "ce_subject": {"type": "string", "description": "The aggregate, as <kind>/<id>."},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_sequence": {
            "type": "string",
            "description": "The aggregate's count of its events.",
        },
        "ce_correlationid": {"type": "string", "description": "The order of the purchase."},
        "ce_causationid": {"type": "string", "description": "The event that was being handled."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
    },
}


def asyncapi_document() -> dict[str, Any]:
    """Return the whole document."""
    schemas = event_schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AutoDeal events",
            "version": "1",
            "description": "CloudEvents 1.0 in Kafka binary mode. No personal data or token in any event.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {
            "messages": {name: _message(row) for name, row in EVENT_TYPES.items()},
            "schemas": {"headers": _HEADERS, **{name: _embedded(schema) for name, schema in schemas.items()}},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Keyed by {topic.key}; written by {topic.producer} alone.",
        "bindings": {
            "kafka": {"partitions": topic.partitions, "topicConfiguration": _topic_config(topic)},
        },
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"}
            for name, row in EVENT_TYPES.items()
            if row.topic == topic.name
        },
    }


def _topic_config(topic: Topic) -> dict[str, Any]:
    return {
        "retention.ms": int(topic.config["retention.ms"]),
        "cleanup.policy": [topic.config["cleanup.policy"]],
    }


def _operations(topic: Topic) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    found: dict[str, Any] = {f"{topic.producer}.send.{topic.name}": {"action": "send", "channel": channel}}
    for service in CONSUMERS[topic.name]:
        found[f"{service}.receive.{topic.name}"] = {
            "action": "receive",
            "channel": channel,
            "bindings": {"kafka": {"groupId": {"type": "string", "enum": [f"autodeal-{service}"]}}},
        }
    return found


def _message(row: EventType) -> dict[str, Any]:
    return {
        "name": row.name,
        "summary": (row.struct.__doc__ or "").strip().splitlines()[0],
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"#/components/schemas/{row.name}"},
    }


def _embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """Inline the definitions, whose references would point outside a component."""
    definitions = schema.get("$defs", {})

    def inline(node: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[node["$ref"].rsplit("/", 1)[-1]])
            return {key: inline(value) for key, value in node.items() if key not in {"$defs", "$schema"}}
        return [inline(item) for item in node] if isinstance(node, list) else node

    inlined: dict[str, Any] = inline(schema)
    return inlined
