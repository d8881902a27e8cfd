"""Write each chart's values.schema.json and README: `python tools/write_charts.py [--check]`.

Both come from `charts/common/values.description.yaml`, from the charts' values and from the services'
settings, so that a setting that is new in the code is a value of the chart, with its own documentation.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import yaml

from autodeal_platform.settings import SettingField, describe_settings

CHARTS = Path(__file__).parents[1] / "charts"
SERVICES = ("vehicle", "payment", "gateway")
TOPIC_SETTINGS = ("KAFKA_TOPIC_PARTITIONS", "KAFKA_TOPIC_REPLICATION", "KAFKA_TOPIC_MIN_INSYNC_REPLICAS")
SET_BY_CHART = frozenset({"HTTP_HOST", "HTTP_PORT", *TOPIC_SETTINGS})
"""Where a pod listens is the templates' to say; how topics are made has values of its own."""
WITHOUT_PASSWORD = {"DATABASE_URL": "^postgresql://[^:@/]+@[^@]+$"}
"""Secret settings that may stand among the plain ones when they hold no password."""
TYPES = {"text": "string", "an integer": "integer", "a number": "number", "true or false": "boolean"}

Json = dict[str, Any]


def main() -> int:
    """Write the files anew; with --check, only say which are stale."""
    stale = 0
    for service in SERVICES:
        for path, text in chart_files(service):
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            stale += 1
            if "--check" in sys.argv[1:]:
                sys.stderr.write(f"stale: {path.relative_to(CHARTS.parent)} (make docs)\n")
            else:
                path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


def chart_files(service: str) -> Iterator[tuple[Path, str]]:
    """Return the generated files of one chart and what they hold."""
    schema = values_schema(service)
    folder = CHARTS / service
    yield folder / "values.schema.json", json.dumps(schema, indent=2) + "\n"
    yield folder / "README.md", readme(service, schema)


def settings_of(service: str) -> dict[str, SettingField]:
    """Return every setting that a command of the service reads, by its variable."""
    module = importlib.import_module(f"autodeal_{service}.settings")
    classes = [found for found in vars(module).values() if isinstance(found, type) and is_dataclass(found)]
    groups = [found for found in classes if found.__name__.endswith("Settings")]
    return {field.env: field for group in reversed(groups) for field in describe_settings(group)}


def values_schema(service: str) -> Json:
    """Return the JSON Schema of a chart's values; it refuses what it does not know."""
    properties = _load("values.description.yaml")
    properties = {
        name: {key: value for key, value in part.items() if key != "only"}
        for name, part in properties.items()
        if service in part.get("only", SERVICES)
    }
    settings = {name: field for name, field in settings_of(service).items() if name not in SET_BY_CHART}
    secret = sorted(name for name, field in settings.items() if field.secret)
    plain = {name: field for name, field in sorted(settings.items()) if not field.secret}
    properties["settings"]["properties"] = {name: _setting_schema(field) for name, field in plain.items()}
    for name in WITHOUT_PASSWORD.keys() & settings.keys():
        shape = {"type": "string", "pattern": WITHOUT_PASSWORD[name]}
        properties["settings"]["properties"][name] = shape | {
            "description": "The address, when it holds no password."
        }
    properties["secrets"]["properties"]["keys"]["propertyNames"] = {"enum": secret}
    _close(properties)
    definitions = _load("values.definitions.yaml")
    definitions["secretKeys"] = {"type": "array", "items": {"enum": secret}, "uniqueItems": True}
    properties["global"] = properties["common"] = {"type": "object", "description": "Helm's own."}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Values of the chart {service}",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "definitions": definitions,
    }


def default_values(service: str) -> Json:
    """Return a chart's values as Helm sees them when nobody gives any."""
    exported: Json = _load("values.yaml")["exports"]["defaults"]
    own: Json = yaml.safe_load((CHARTS / service / "values.yaml").read_text(encoding="utf-8"))
    return merge(exported, own)


def merge(under: Json, over: Json) -> Json:
    """Return two values laid over each other, as Helm does it: null removes."""
    merged = dict(under)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def readme(service: str, schema: Json) -> str:
    """Return a chart's README."""
    chart = yaml.safe_load((CHARTS / service / "Chart.yaml").read_text(encoding="utf-8"))
    rows = [
        f"| `{path}` | {_show(default)} | {meaning} |"
        for path, default, meaning in _describe(schema["properties"], default_values(service), "")
    ]
    return README.format(
        service=service,
        description=chart["description"],
        kube=chart["kubeVersion"].removesuffix("-0").lstrip(">="),
        rows="\n".join(rows),
    )


README = """<!-- Generated from the values, their description and the service's settings: make docs -->

# {service}

{description}

```sh
helm dependency build charts/{service}
helm upgrade --install {service} charts/{service} --namespace autodeal --wait \\
  --values charts/{service}/values-live.yaml
helm test {service} --namespace autodeal
```

Needs Kubernetes {kube} or newer, and Helm 3.17 or 4. `values-dev.yaml`, `values-sandbox.yaml` and
`values-live.yaml` are for a developer's cluster, for a cluster against the provider's sandbox, and for
customers. What is not in this table is refused; so is an installation in whose values something of yours is
missing, and [the guide](../../docs/operating.md#values) says where each comes from.

| value | default | meaning |
|---|---|---|
{rows}
"""


def _setting_schema(field: SettingField) -> Json:
    kind = next((name for words, name in TYPES.items() if field.type.startswith(words)), None)
    shape: Json = {"type": kind} if kind else {"enum": field.type.removeprefix("one of ").split(", ")}
    default = "" if field.default in (None, "") else f" By default {field.default}."
    return shape | {"description": " ".join(field.doc.split()) + default}


def _describe(properties: Json, defaults: Json, prefix: str) -> Iterator[tuple[str, object, str]]:
    for name, part in properties.items():
        if name in ("global", "common"):
            continue
        if "properties" in part:
            yield from _describe(part["properties"], defaults.get(name, {}), f"{prefix}{name}.")
        else:
            yield prefix + name, defaults.get(name), str(part["description"]).replace("|", "\\|")


def _show(default: object) -> str:
    return "" if default in (None, "") else f"`{json.dumps(default)}`"


def _close(properties: Json) -> None:
    for part in properties.values():
        if "properties" in part:
            part["additionalProperties"] = False
            _close(part["properties"])


def _load(name: str) -> Json:
    loaded: Json = yaml.safe_load((CHARTS / "common" / name).read_text(encoding="utf-8"))
    return loaded


if __name__ == "__main__":
    sys.exit(main())
