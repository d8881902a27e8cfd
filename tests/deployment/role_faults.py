"""The roles of `k8s/identity` against what the code needs: nothing missing, nothing to spare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.deployment import code_needs
from tests.deployment.chart_facts import (
    ExternalSecretKeys,
    external_secret_keys,
    hook_service_account,
    lag_readings,
    service_account,
    settings,
)
from tests.deployment.places import SERVICES, Document, facts

from autodeal_payment.adapters.dynamodb_table import BY_BUYER, BY_STATUS

Grant = tuple[str, str]
"""An action and a resource."""
NAMESPACE = "autodeal"
TABLE = "autodeal-payment"
KAFKA = "autodeal"


@dataclass(frozen=True)
class Arns:
    """The names of what a service may touch, in one account."""

    region: str
    account: str
    user_pool: str
    database_user: str

    @classmethod
    def of(cls, environment: str) -> Arns:
        """Return the names in the account of an environment."""
        known = facts(environment)
        return cls(known["REGION"], known["ACCOUNT_ID"], known["USER_POOL_ID"], known["DATABASE_USER"])

    def of_service(self, service: str, name: str) -> str:
        """Return the ARN of something."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{name}"

    def kafka(self, kind: str, name: str = "") -> str:
        """Return the ARN of the cluster, a topic or a group; MSK puts an id of its own in the middle."""
        return self.of_service("kafka", f"{kind}/{KAFKA}/*" + (f"/{name}" if name else ""))


def needed(environment: str) -> dict[tuple[str, str], set[Grant]]:
    """Return what each ServiceAccount needs, by namespace and name."""
    arns = Arns.of(environment)
    wanted: dict[tuple[str, str], set[Grant]] = {}
    for service in SERVICES:
        wanted[NAMESPACE, service_account(service)] = {
            *_running(service, arns),
            *_producing(service, environment, arns),
        }
        wanted[NAMESPACE, hook_service_account(service)] = set(_preparing(service, arns))
    wanted["keda", "keda-operator"] = set(_scaling(environment, arns))
    wanted["external-secrets", "external-secrets"] = set(_secrets(external_secret_keys(environment), arns))
    return wanted


def _running(service: str, arns: Arns) -> Iterator[Grant]:
    if service == "vehicle":
        yield "rds-db:connect", arns.of_service("rds-db", f"dbuser:{arns.database_user}")
    if service == "payment":
        table = arns.of_service("dynamodb", f"table/{TABLE}")
        yield from ((action, table) for action in code_needs.table_actions())
        yield from (("dynamodb:Query", f"{table}/index/{index}") for index in (BY_BUYER, BY_STATUS))
    pool = arns.of_service("cognito-idp", f"userpool/{arns.user_pool}")
    yield from ((action, pool) for action in code_needs.people_actions(service))
    yield "kafka-cluster:Connect", arns.kafka("cluster")
    for topic in code_needs.read_topics(service):
        yield "kafka-cluster:DescribeTopic", arns.kafka("topic", topic)
        yield "kafka-cluster:ReadData", arns.kafka("topic", topic)
    for group in code_needs.groups(service):
        yield "kafka-cluster:DescribeGroup", arns.kafka("group", group)
        yield "kafka-cluster:AlterGroup", arns.kafka("group", group)


def _producing(service: str, environment: str, arns: Arns) -> Iterator[Grant]:
    options, given = code_needs.producer_options(), settings(service, environment)
    assert "transactional_id" not in options, "transactions want rights of their own"
    if "enable_idempotence" in options and given.get("KAFKA_IDEMPOTENT_PRODUCER", "true") == "true":
        yield "kafka-cluster:WriteDataIdempotently", arns.kafka("cluster")
    for topic in code_needs.written_topics(service):
        yield "kafka-cluster:DescribeTopic", arns.kafka("topic", topic)
        yield "kafka-cluster:WriteData", arns.kafka("topic", topic)


def _preparing(service: str, arns: Arns) -> Iterator[Grant]:
    if service == "vehicle":
        yield "rds-db:connect", arns.of_service("rds-db", f"dbuser:{arns.database_user}")
    if service == "payment":
        table = arns.of_service("dynamodb", f"table/{TABLE}")
        yield from ((action, table) for action in code_needs.migration_actions())
    yield "kafka-cluster:Connect", arns.kafka("cluster")
    for topic in code_needs.made_topics(service):
        yield from ((action, arns.kafka("topic", topic)) for action in code_needs.topic_actions())


def _scaling(environment: str, arns: Arns) -> Iterator[Grant]:
    yield "kafka-cluster:Connect", arns.kafka("cluster")
    for group, topics in lag_readings(environment).items():
        yield "kafka-cluster:DescribeGroup", arns.kafka("group", group)
        yield from (("kafka-cluster:DescribeTopic", arns.kafka("topic", topic)) for topic in topics)


def _secrets(keys: ExternalSecretKeys, arns: Arns) -> Iterator[Grant]:
    for key in keys:
        secret = arns.of_service("secretsmanager", f"secret:{key}-??????")
        yield "secretsmanager:GetSecretValue", secret
        yield "secretsmanager:DescribeSecret", secret


def granted(roles: Document) -> dict[tuple[str, str], set[Grant]]:
    """Return what the associations grant, by namespace and ServiceAccount."""
    found: dict[tuple[str, str], set[Grant]] = {}
    for association in roles["iam"]["podIdentityAssociations"]:
        account = association["namespace"], association["serviceAccountName"]
        assert account not in found, f"two roles for {account}"
        found[account] = set(_grants(association["permissionPolicy"]))
    return found


def _grants(policy: Mapping[str, Any]) -> Iterator[Grant]:
    assert policy["Version"] == "2012-10-17"
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"}
        yield from (
            (action, resource) for action in statement["Action"] for resource in statement["Resource"]
        )


def role_faults(roles: Document, environment: str) -> list[str]:
    """Return each right that is missing or to spare."""
    has, wants = granted(roles), needed_once(environment)
    faults = [f"no role for {account}" for account in wants.keys() - has.keys()]
    faults += [f"a role for {account}, which does not exist" for account in has.keys() - wants.keys()]
    for account in wants.keys() & has.keys():
        faults += [f"{account} lacks {grant}" for grant in wants[account] - has[account]]
        faults += [f"{account} needs no {grant}" for grant in has[account] - wants[account]]
    return faults


@cache
def needed_once(environment: str) -> dict[tuple[str, str], set[Grant]]:
    """Return `needed`, read from the code once."""
    return needed(environment)
