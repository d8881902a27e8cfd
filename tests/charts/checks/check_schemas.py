"""Each object fits the API's own schema, strictly: an unknown field is a fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource
from tests.charts.render_charts import Json, Release

SCHEMAS = Path(__file__).parents[1] / "schemas"


def check_schemas(release: Release, kubernetes: str = "1.35.0") -> Iterator[str]:
    """Every object is what the API server would take."""
    for found in release.objects:
        validator = validator_for(found["apiVersion"], found["kind"], kubernetes)
        for error in validator.iter_errors(found):
            where = ".".join(str(part) for part in error.absolute_path)
            yield f"{found['kind']} {found['metadata']['name']}: {where}: {error.message[:200]}"


@cache
def validator_for(version: str, kind: str, kubernetes: str) -> jsonschema.Draft202012Validator:
    """Return what validates a kind of object; a kind that nobody knows is an error."""
    group, _, number = version.rpartition("/")
    own = SCHEMAS / f"{kind.lower()}_{number}.json"
    if own.exists():
        return jsonschema.Draft202012Validator(_closed(json.loads(own.read_text("utf-8"))))
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{kubernetes}-local-strict"
    prefix = f"{group.partition('.')[0]}-" if group else ""
    schema = json.loads((folder / f"{kind.lower()}-{prefix}{number}.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema, registry=_definitions(kubernetes))


@cache
def _definitions(kubernetes: str) -> Registry[Any]:
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{kubernetes}-local-strict"
    definitions: Resource[Any] = Resource.from_contents(
        json.loads((folder / "_definitions.json").read_text("utf-8"))
    )
    return definitions @ Registry()


def _closed(schema: Json) -> Json:
    """Refuse fields that a custom resource's schema does not name; the server would drop them silently."""
    for key, value in schema.items():
        if key in ("properties", "items"):
            inner = value.values() if key == "properties" else [value]
            for part in inner:
                _closed(part)
    named = "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields")
    if named and "metadata" not in schema["properties"]:
        schema["additionalProperties"] = False
    return schema
