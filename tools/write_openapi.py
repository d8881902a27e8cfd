"""Write the platform's one OpenAPI document: `python tools/write_openapi.py [--check]`.

Each service describes its own routes; here they become one document, which the gateway serves. No
server runs for it. A route that is described and not forwarded, or forwarded and not described,
ends the run with an error, so the document cannot drift from what is reachable.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autodeal_gateway.domain.route_table import FORWARDED_ROUTES, Access, ForwardedRoute, Pace, Upstream

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "services" / "gateway" / "src" / "autodeal_gateway" / "openapi.json"
DESCRIBERS = {
    "vehicle": "autodeal_vehicle.entrypoints.http.describe_api",
    "payment": "autodeal_payment.entrypoints.http.describe_api",
    "gateway": "autodeal_gateway.entrypoints.http.describe_api",
}
TAGS = {
    "Vehicles": "What is for sale and what was sold.",
    "Sales": "Reserve a vehicle and hand it over.",
    "Orders": "A purchase from reservation to pickup, with its timeline.",
    "Payments": "Choose how to pay, try again, look payments up.",
    "People": "Register, log in, leave. Only a registered person can buy.",
    "Webhook": "Where the payment provider reports.",
}
INFO = {
    "title": "AutoDeal",
    "version": "1",
    "summary": "Buy a car on the internet.",
    "description": (
        "Three services behind one gateway. Money is a number with at most two decimals; every list has "
        '`limit` and `cursor` and names its next page in `Link: rel="next"`; every refusal is a problem '
        "(RFC 9457) with a stable `code`. Unsafe requests take an `Idempotency-Key`: sent again with the "
        "same key, the same request gets the same answer and happens once."
    ),
}
EDGE_PROBLEMS = {
    "502": "`upstream_failed`",
    "503": "`upstream_unavailable`",
    "504": "`upstream_timed_out`",
}
"""What the gateway answers for a service that does not."""
METHODS = ("get", "post", "put", "delete")
ACCESS = {
    Access.ANYONE: "anyone",
    Access.SIGNED_IN: "signed in",
    Access.BUYER: "Buyer",
    Access.ADMIN: "Admin",
}
"""Who may call a route, as the page shows it (`x-access`)."""
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
FRAMEWORK_REFUSAL = "Validation Exception"
"""How Litestar describes its own answer to invalid parameters, which the platform gives as a 422."""
REFERENCE = "#/components/schemas/"

Document = dict[str, Any]


class DriftError(Exception):
    """What is described is not what is reachable."""


def main() -> int:
    """Write the document anew; with --check, only say whether it is stale."""
    fresh = json.dumps(merged_document(described()), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(fresh, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == fresh:
        return 0
    sys.stderr.write(f"stale: {TARGET.relative_to(ROOT)} (make openapi)\n")
    return 1


def described() -> dict[str, Document]:
    """Return each service's own document."""
    return {
        service: importlib.import_module(module).openapi_document() for service, module in DESCRIBERS.items()
    }


def merged_document(documents: dict[str, Document]) -> Document:
    """Return one document of all; raises DriftError when it would not tell the truth."""
    schemas: dict[str, Any] = {}
    operations: dict[tuple[str, str], Any] = {}
    for service, document in documents.items():
        renamed = _with_own_names(service, document, schemas)
        schemas.update(renamed.get("components", {}).get("schemas", {}))
        for path, method, operation in _operations(renamed):
            operations[path, method] = _cleaned(operation)
            operations[path, method]["x-access"] = ACCESS[
                Access.SIGNED_IN if operation.get("security") else Access.ANYONE
            ]
    _match_routes(documents)
    for route in FORWARDED_ROUTES:
        key = next(key for key in operations if _shape(*key) == _shape(route.template, route.method))
        _describe_edge(operations[key], route)
    known = {tag for operation in operations.values() for tag in operation.get("tags", ())}
    if unknown := known - TAGS.keys():
        raise DriftError(f"tags without a description: {sorted(unknown)}")
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items() if name in known],
        "paths": _paths(operations),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `access_token` of `POST /login`.",
                }
            },
        },
    }


def _operations(document: Document) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def _shape(path: str, method: str) -> tuple[str, str]:
    """Return what identifies an operation, whatever its path parameters are called."""
    return re.sub(r"\{[^}]*\}", "{}", path), method.lower()


def _match_routes(documents: dict[str, Document]) -> None:
    for upstream in Upstream:
        told = {_shape(path, method) for path, method, _ in _operations(documents[upstream.value])}
        forwarded = {
            _shape(route.template, route.method) for route in FORWARDED_ROUTES if route.upstream is upstream
        }
        if told != forwarded:
            raise DriftError(
                f"{upstream.value}: described but not forwarded {sorted(told - forwarded)}, "
                f"forwarded but not described {sorted(forwarded - told)}"
            )


def _with_own_names(service: str, document: Document, taken: dict[str, Any]) -> Document:
    """Return the document with schemas renamed that mean something else in another service."""
    own = document.get("components", {}).get("schemas", {})
    clashing = {name for name, schema in own.items() if name in taken and taken[name] != schema}
    if not clashing:
        return document
    text = json.dumps(document)
    for name in clashing:
        text = text.replace(f'"{REFERENCE}{name}"', f'"{REFERENCE}{service.title()}{name}"')
    renamed: Document = json.loads(text)
    schemas = renamed["components"]["schemas"]
    for name in clashing:
        schemas[f"{service.title()}{name}"] = schemas.pop(name)
    return renamed


def _cleaned(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the operation without what the framework says of itself and what says nothing."""
    cleaned: dict[str, Any] = {
        name: value for name, value in operation.items() if name != "deprecated" or value
    }
    responses = dict(cleaned["responses"])
    if FRAMEWORK_REFUSAL in json.dumps(responses.get("400", "")):
        del responses["400"]
        if cleaned.get("parameters"):
            responses.setdefault("422", {"description": "`validation_failed`", "content": PROBLEM})
    cleaned["responses"] = responses
    if "parameters" in cleaned:
        dull = {"deprecated": False, "allowEmptyValue": False, "allowReserved": False}
        cleaned["parameters"] = [
            {name: value for name, value in parameter.items() if (name, value) not in dull.items()}
            for parameter in cleaned["parameters"]
        ]
    return cleaned


def _describe_edge(operation: dict[str, Any], route: ForwardedRoute) -> None:
    """Add what only the gateway answers, and how it streams."""
    operation["x-access"] = ACCESS[route.access]
    responses = operation["responses"]
    for status, code in EDGE_PROBLEMS.items():
        known = responses.get(status)
        description = f"{known['description']}, {code}" if known else code
        responses[status] = {"description": description, "content": PROBLEM}
    if route.pace is Pace.STREAM:
        responses["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    operation["responses"] = dict(sorted(responses.items()))


def _paths(operations: dict[tuple[str, str], Any]) -> dict[str, Any]:
    """Return the operations by path, in the order of the route table, the gateway's own behind."""
    order: dict[tuple[str, str], int] = {}
    for place, route in enumerate(FORWARDED_ROUTES):
        order.setdefault(_shape(route.template, ""), place)
    places = {path: order.get(_shape(path, ""), len(FORWARDED_ROUTES)) for path, _ in operations}
    paths: dict[str, Any] = {path: {} for path in sorted(places, key=lambda path: (places[path], path))}
    for (path, method), operation in operations.items():
        paths[path][method] = operation
    return paths


if __name__ == "__main__":
    sys.exit(main())
