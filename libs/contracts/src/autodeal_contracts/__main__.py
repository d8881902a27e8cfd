"""Write the generated contracts: `python -m autodeal_contracts [--check] FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from autodeal_contracts.asyncapi import asyncapi_document
from autodeal_contracts.schemas import breaking_changes, event_schemas


def main() -> int:
    """Write the schemas and the AsyncAPI document; with --check, only say what would change."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    check = "--check" in sys.argv[1:]
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m autodeal_contracts [--check] FOLDER\n")
        return 2
    folder = Path(arguments[0])
    complaints = [*_incompatible(folder)]
    if complaints:
        sys.stderr.write("".join(f"incompatible: {complaint}\n" for complaint in complaints))
        return 1
    stale = 0
    for path, text in _files(folder).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            sys.stderr.write(f"stale: {path} (make schemas)\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


def _files(folder: Path) -> dict[Path, str]:
    documents = {folder / "schemas" / f"{name}.json": schema for name, schema in event_schemas().items()}
    documents[folder / "asyncapi.json"] = asyncapi_document()
    return {path: json.dumps(document, indent=2) + "\n" for path, document in documents.items()}


def _incompatible(folder: Path) -> list[str]:
    """Compare with what was promised; an event type never goes away within its topic's version."""
    found: list[str] = []
    schemas = event_schemas()
    for path in sorted((folder / "schemas").glob("*.json")):
        name = path.stem
        if name not in schemas:
            found.append(f"{name}: the event type is gone")
            continue
        promised = json.loads(path.read_text(encoding="utf-8"))
        found += [f"{name}: {change}" for change in breaking_changes(promised, schemas[name])]
    return found


if __name__ == "__main__":
    sys.exit(main())
