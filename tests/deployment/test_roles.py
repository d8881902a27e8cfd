"""Each ServiceAccount of the charts has a role, and each role names exactly what its code does."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import code_needs
from tests.deployment.chart_facts import settings, values
from tests.deployment.places import ENVIRONMENTS, SERVICES, Document, facts, kustomized, only
from tests.deployment.role_faults import TABLE, role_faults


def roles(environment: str) -> Document:
    return copy.deepcopy(only(kustomized(f"identity/{environment}"), "ClusterConfig"))


def statements(document: Document) -> Iterator[dict[str, Any]]:
    for association in document["iam"]["podIdentityAssociations"]:
        yield from association["permissionPolicy"]["Statement"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_roles_are_what_the_code_needs_when_both_are_read(environment: str) -> None:
    assert role_faults(roles(environment), environment) == []


def test_fault_is_found_when_any_right_is_taken_or_widened() -> None:
    whole = roles("live")
    unnoticed = []
    for number, statement in enumerate(statements(whole)):
        for field in ("Action", "Resource"):
            for position in range(len(statement[field])):
                for change in (without, widened):
                    spoilt = roles("live")
                    change(list(statements(spoilt))[number][field], position)
                    if not role_faults(spoilt, "live"):
                        unnoticed.append((number, field, position, change.__name__))
    assert not unnoticed


def without(listed: list[str], position: int) -> None:
    del listed[position]


def widened(listed: list[str], position: int) -> None:
    head, _, _ = listed[position].rpartition("/" if "/" in listed[position] else ":")
    listed[position] = f"{head}:*"


@pytest.mark.parametrize("field", ["serviceAccountName", "namespace"])
def test_fault_is_found_when_a_role_is_for_somebody_else(field: str) -> None:
    for number in range(len(roles("live")["iam"]["podIdentityAssociations"])):
        spoilt = roles("live")
        spoilt["iam"]["podIdentityAssociations"][number][field] = "other"
        assert role_faults(spoilt, "live")


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("await client.scan(TableName=table)", "dynamodb:Scan"),
        ("client.get_paginator('scan')", "dynamodb:Scan"),
        ("part = {'ConditionCheck': {}}", "dynamodb:ConditionCheckItem"),
    ],
)
def test_new_call_needs_a_right_when_it_is_written(tmp_path: Path, code: str, action: str) -> None:
    source = tmp_path / "new_call.py"
    source.write_text(f"async def call(client, table):\n    {code}\n", encoding="utf-8")
    assert code_needs.table_actions([source]) == {action}


def test_admin_client_is_the_topics_commands_alone_when_searched() -> None:
    """What serves and works asks the brokers for nothing but to write, to read and to be of its group."""
    assert code_needs.modules_with_admin_rights() == {"topics_admin.py", "topics_command.py"}


@pytest.mark.parametrize("service", SERVICES)
def test_topics_that_are_made_are_those_written_and_read_when_compared(service: str) -> None:
    used = code_needs.written_topics(service) | code_needs.read_topics(service)
    assert code_needs.made_topics(service) == used


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_addresses_of_charts_and_account_agree_when_compared(environment: str) -> None:
    known = facts(environment)
    _, _, user = known["DATABASE_USER"].partition("/")
    url = settings("vehicle", environment)["DATABASE_URL"]
    assert url.startswith(f"postgresql://{user}@")
    for service in SERVICES:
        own = settings(service, environment)
        assert own["AWS_REGION"] == known["REGION"]
        assert own["COGNITO_ISSUER"].endswith(f"/{known['USER_POOL_ID']}")
        assert own.get("COGNITO_USER_POOL_ID", known["USER_POOL_ID"]) == known["USER_POOL_ID"]
        assert own.get("DYNAMODB_TABLE", TABLE) == TABLE
        registry = values(service, environment)["image"]["registry"]
        assert registry == f"{known['ACCOUNT_ID']}.dkr.ecr.{known['REGION']}.amazonaws.com"


def test_sandbox_and_live_differ_in_names_alone_when_rendered() -> None:
    texts = {}
    for environment in ENVIRONMENTS:
        text = repr(roles(environment))
        for fact in ("ACCOUNT_ID", "USER_POOL_ID", "DATABASE_USER", "CLUSTER", "ENVIRONMENT"):
            text = text.replace(facts(environment)[fact], fact)
        texts[environment] = text
    assert texts["sandbox"] == texts["live"]
