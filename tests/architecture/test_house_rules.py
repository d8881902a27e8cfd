"""The rules of the house that a machine can check; the linter and import-linter check the others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
import pytest

from autodeal_contracts.catalog import EVENT_TYPES

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for folder in ("libs", "services", "devstack")
    for path in (ROOT / folder).rglob("src/**/*.py")
    if "versions" not in path.parts
)
MODULE_LINES = 300
FUNCTION_LINES = 50
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base_service"}
PERSONAL = re.compile(r"email|cpf|password|token|secret|first_name|last_name|full_name|address|phone|birth")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_readable_when_measured(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MODULE_LINES
    assert path.stem not in VAGUE_NAMES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, node.name


def field_names(struct: type[msgspec.Struct]) -> set[str]:
    names: set[str] = set()
    for field in msgspec.structs.fields(struct):
        names.add(field.encode_name)
        for nested in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(nested, type) and issubclass(nested, msgspec.Struct):
                names |= field_names(nested)
    return names


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_event_has_no_field_for_personal_data_when_listed(name: str) -> None:
    assert not [field for field in field_names(EVENT_TYPES[name].struct) if PERSONAL.search(field)]


def test_lock_names_versions_and_hashes_but_no_address_when_read() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    packages = re.findall(r"^([a-z0-9._-]+)==\S+.*\\$", lock, flags=re.MULTILINE)
    assert len(packages) > 50
    assert len(re.findall(r"^\S", lock, flags=re.MULTILINE)) == len(packages) + 2


@pytest.mark.parametrize("service", ["vehicle", "payment", "gateway"])
def test_service_has_the_rooms_of_the_house_when_entered(service: str) -> None:
    package = ROOT / "services" / service / "src" / f"autodeal_{service}"
    for room in ("domain", "app", "adapters", "entrypoints", "settings.py", "bootstrap.py", "__main__.py"):
        assert (package / room).exists(), room
