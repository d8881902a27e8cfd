"""What the services' code asks of AWS, read from the code itself."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import botocore.session
from tests.deployment.places import ROOT

from autodeal_contracts import topics
from autodeal_contracts.topics import DEAD_LETTER_TOPICS, TOPICS, topics_of

TABLE_MODULE = ROOT / "services/payment/src/autodeal_payment/adapters/dynamodb_table.py"
"""The one module that `migrate` runs and the service does not."""
STORE = ROOT / "libs/messaging/src/autodeal_messaging/dynamodb"
TRANSACTION_PARTS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}

TOPICS_CODE = ROOT / "libs/messaging/src/autodeal_messaging"
ADMIN_ACTIONS = {
    "alter_configs": "AlterTopicDynamicConfiguration",
    "create_partitions": "AlterTopic",
    "create_topics": "CreateTopic",
    "delete_topics": "DeleteTopic",
    "describe_configs": "DescribeTopicDynamicConfiguration",
    "describe_topics": "DescribeTopic",
}
"""What MSK asks for, by the method of Kafka's admin client."""


@cache
def operations(service: str) -> dict[str, str]:
    """Return an AWS service's operations by the name of the client's method; those that need a role."""
    model = botocore.session.get_session().get_service_model(service)
    found = {}
    for name in model.operation_names:
        if model.operation_model(name).auth_type != "none":
            found[botocore.xform_name(name)] = name
    return found


def table_actions(sources: Iterable[Path] | None = None) -> set[str]:
    """Return the DynamoDB actions of `serve`, `work` and `dlq`."""
    listed = sources or [
        path for path in (*STORE.rglob("*.py"), *_modules("payment")) if path != TABLE_MODULE
    ]
    called: set[str] = set()
    for path in listed:
        module = _parsed(path)
        called |= set(_called(module, "dynamodb"))
        called |= {TRANSACTION_PARTS[key] for key in _keys(module) if key in TRANSACTION_PARTS}
    return {f"dynamodb:{name}" for name in called if name != "TransactWriteItems"}


def migration_actions() -> set[str]:
    """Return the DynamoDB actions of `migrate`."""
    return {f"dynamodb:{name}" for name in _called(_parsed(TABLE_MODULE), "dynamodb")}


def people_actions(service: str) -> set[str]:
    """Return the Cognito actions of a service; logging in needs no role and so no action."""
    called = {name for path in _modules(service) for name in _called(_parsed(path), "cognito-idp")}
    return {f"cognito-idp:{name}" for name in called}


def topic_actions() -> set[str]:
    """Return the actions of the `topics` command."""
    calls = {
        node.func.attr
        for path in TOPICS_CODE.glob("topics_*.py")
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return {f"kafka-cluster:{ADMIN_ACTIONS[call]}" for call in calls & ADMIN_ACTIONS.keys()}


def modules_with_admin_rights() -> set[str]:
    """Return the names of the modules of the product that make Kafka's admin client."""
    return {
        path.name
        for folder in ("libs", "services")
        for path in (ROOT / folder).glob("*/src/**/*.py")
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "make_admin"
    }


def producer_options() -> set[str]:
    """Return what producers are made with: a sequence of their own, or transactions, want rights."""
    (maker,) = (
        node
        for node in ast.walk(_parsed(TOPICS_CODE / "kafka_clients.py"))
        if isinstance(node, ast.FunctionDef) and node.name == "make_producer"
    )
    return {
        word.arg
        for node in ast.walk(maker)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg
    }


def made_topics(service: str) -> set[str]:
    """Return the topics that a service's `topics` command makes."""
    return {topic.name for topic in topics_of(service)}


def written_topics(service: str) -> set[str]:
    """Return the topics that a service writes to, with that of its dead letters."""
    return {topic.name for topic in (*TOPICS, *DEAD_LETTER_TOPICS) if topic.producer == service}


def read_topics(service: str) -> set[str]:
    """Return the topics that the service's wiring gives to its consumers."""
    wiring = ROOT / "services" / service / "src" / f"autodeal_{service}" / "bootstrap.py"
    return set(_consumed(_parsed(wiring)))


def _consumed(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Consumer":
            listed = node.args[2]
            assert isinstance(listed, ast.List), "a consumer's topics are written as a list"
            for element in listed.elts:
                assert isinstance(element, ast.Attribute), "a topic is named as topics.NAME"
                yield getattr(topics, element.attr)


def groups(service: str) -> set[str]:
    """Return the consumer groups of a service."""
    wiring = importlib.import_module(f"autodeal_{service}.bootstrap")
    return {wiring.CONSUMER} if read_topics(service) else set()


def _modules(service: str) -> list[Path]:
    return sorted((ROOT / "services" / service / "src").rglob("*.py"))


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _called(module: ast.Module, service: str) -> Iterator[str]:
    known = operations(service)
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in known:
            yield known[node.func.attr]
        if isinstance(node, ast.Constant) and node.value in known:
            # A paginator or waiter is asked for by name.
            yield known[node.value]


def _keys(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Dict):
            yield from (
                key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            yield str(node.slice.value)
