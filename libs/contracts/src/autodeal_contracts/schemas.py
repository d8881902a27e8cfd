"""JSON Schemas of the events, and whether one version can live beside another.

The schemas are generated from the structs and checked in. They are the promise to readers, so
writing them refuses a change that an old reader, or a new reader of old records, could not stand.
"""

from __future__ import annotations

from typing import Any

import msgspec

from autodeal_contracts.catalog import EVENT_TYPES

Schema = dict[str, Any]


def event_schemas() -> dict[str, Schema]:
    """Return the schema of each event type by its name on the wire."""
    schemas: dict[str, Schema] = {}
    for name, row in EVENT_TYPES.items():
        (reference,), components = msgspec.json.schema_components([row.struct], ref_template="#/$defs/{name}")
        root = components.pop(reference["$ref"].rsplit("/", 1)[-1])
        schema: Schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:autodeal:event:{name}",
            **root,
        }
        if components:
            schema["$defs"] = components
        schemas[name] = schema
    return schemas


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return what in `new` an old reader, or a new reader of old records, could not stand.

    A new optional field is no break. A field taken away or added as required is one, and so is any
    other type, and any enumeration that grows or shrinks: readers refuse a value they do not know.
    """
    return [*_object_breaks(old, new, ""), *_definition_breaks(old, new)]


def _definition_breaks(old: Schema, new: Schema) -> list[str]:
    found: list[str] = []
    for name, definition in old.get("$defs", {}).items():
        replacement = new.get("$defs", {}).get(name)
        if replacement is None:
            found.append(f"{name} is gone")
        elif definition.get("enum") != replacement.get("enum"):
            found.append(f"{name} has other values")
        else:
            found.extend(_object_breaks(definition, replacement, f"{name}."))
    return found


def _object_breaks(old: Schema, new: Schema, prefix: str) -> list[str]:
    was: Schema = old.get("properties", {})
    now: Schema = new.get("properties", {})
    found = [f"{prefix}{name} is gone" for name in was if name not in now]
    found += [
        f"{prefix}{name} has another type"
        for name in was
        if name in now and _shape(was[name]) != _shape(now[name])
    ]
    required = set(new.get("required", [])) - set(old.get("required", []))
    found += [f"{prefix}{name} became required" for name in sorted(required)]
    no_longer = set(old.get("required", [])) - set(new.get("required", []))
    found += [f"{prefix}{name} may now be missing" for name in sorted(no_longer)]
    return found


def _shape(schema: Schema) -> Schema:
    """Leave out what tells people something but changes no reading."""
    return {key: value for key, value in schema.items() if key not in {"description", "title", "default"}}
