"""The cluster and the namespace: by their schemas, and with what the charts count on."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.deployment.chart_facts import rendered
from tests.deployment.places import ENVIRONMENTS, ROOT, SERVICES, Document, facts, kustomized, only, read

SCHEMA = Path(__file__).parent / "schemas" / "eksctl-v1alpha5.json"
ADDONS = {
    "eks-pod-identity-agent",
    "vpc-cni",
    "coredns",
    "kube-proxy",
    "metrics-server",
    "aws-ebs-csi-driver",
}
SUPPORTED = ("1.33", "1.34", "1.35")


def configuration(folder: str, environment: str) -> Document:
    return copy.deepcopy(only(kustomized(f"{folder}/{environment}"), "ClusterConfig"))


def check(document: Document) -> None:
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("folder", ["cluster", "identity"])
def test_configuration_fits_eksctls_schema_when_rendered(folder: str, environment: str) -> None:
    document = configuration(folder, environment)
    check(document)
    assert document["metadata"]["name"] == facts(environment)["CLUSTER"]
    assert document["metadata"]["region"] == facts(environment)["REGION"]
    for placeholder in (
        "ACCOUNT_ID",
        "REGION",
        "ZONE_",
        "CLUSTER",
        "ENVIRONMENT",
        "USER_POOL_ID",
        "DATABASE_USER",
    ):
        assert placeholder not in json.dumps(document)


@pytest.mark.parametrize("folder", ["cluster", "identity"])
def test_typo_is_refused_when_a_field_is_unknown(folder: str) -> None:
    document = configuration(folder, "live")
    document["iam"]["podIdentityAssociations"][0]["serviceAcountName"] = "vehicle"
    with pytest.raises(jsonschema.ValidationError, match="serviceAcountName"):
        check(document)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_cluster_has_what_the_charts_count_on_when_rendered(environment: str) -> None:
    cluster = configuration("cluster", environment)
    assert cluster["metadata"]["version"] in SUPPORTED
    assert len(set(cluster["availabilityZones"])) == 3
    addons = {addon["name"]: addon.get("configurationValues", "{}") for addon in cluster["addons"]}
    assert set(addons) == ADDONS
    assert json.loads(addons["vpc-cni"]) == {"enableNetworkPolicy": "true"}
    (nodes,) = cluster["managedNodeGroups"]
    assert nodes["instanceType"].startswith("m7g.")
    assert nodes["amiFamily"] == "AmazonLinux2023"
    assert nodes["availabilityZones"] == cluster["availabilityZones"]
    assert nodes["privateNetworking"]
    assert nodes["disablePodIMDS"]
    assert nodes["volumeEncrypted"]
    assert nodes["minSize"] <= nodes["desiredCapacity"] <= nodes["maxSize"]
    assert cluster["accessConfig"]["authenticationMode"] == "API"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_network_of_the_cluster_is_the_one_the_policies_name_when_compared(environment: str) -> None:
    cidr = configuration("cluster", environment)["vpc"]["cidr"]
    blocks = {
        peer["ipBlock"]["cidr"]
        for service in SERVICES
        for document in rendered(service, environment)
        if document["kind"] == "NetworkPolicy"
        for rule in document["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
    }
    assert blocks == {cidr, "0.0.0.0/0", "169.254.170.23/32"}


def sizes_aside(document: Document) -> Document:
    (nodes,) = document["managedNodeGroups"]
    for size in ("instanceType", "maxSize"):
        del nodes[size]
    return document


def test_sandbox_and_live_differ_in_names_and_sizes_alone_when_rendered() -> None:
    texts = {}
    for environment in ENVIRONMENTS:
        known = facts(environment)
        documents = [
            sizes_aside(configuration("cluster", environment)),
            *(without_sizes(each) for each in kustomized(f"aws/{environment}")),
        ]
        text = json.dumps(documents)
        for fact in ("CLUSTER", "ACCOUNT_ID"):
            text = text.replace(known[fact], fact)
        texts[environment] = text
    assert texts["sandbox"] == texts["live"]


SIZES = {
    "dbInstanceClass",
    "allocatedStorage",
    "maxAllocatedStorage",
    "backupRetentionPeriod",
    "instanceType",
    "volumeSize",
}


def without_sizes(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: without_sizes(inner) for key, inner in node.items() if key not in SIZES}
    return [without_sizes(inner) for inner in node] if isinstance(node, list) else node


def test_namespace_holds_pods_to_the_strictest_standard_when_applied() -> None:
    documents = kustomized("base")
    namespace = only(documents, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    policy = only(documents, "NetworkPolicy")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for document in documents[1:]:
        assert (
            document["metadata"].get("namespace", "autodeal") == namespace["metadata"]["name"] == "autodeal"
        )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_new_pods_wait_for_their_balancer_when_it_reaches_pods_by_address(environment: str) -> None:
    ingresses = [each for each in rendered("gateway", environment) if each["kind"] == "Ingress"]
    targets = {each["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-type"] for each in ingresses}
    assert targets == {"ip"}, "a balancer that reaches nodes knows of no pod, and the gate would never open"
    labels = only(kustomized("base"), "Namespace")["metadata"]["labels"]
    assert labels.get("elbv2.k8s.aws/pod-readiness-gate-inject") == "enabled"


OF_EKS = {"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy"}
"""The API groups of which AmazonEKSAdminPolicy lets somebody make what the charts hold."""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pipeline_may_install_all_that_the_charts_hold_and_no_other_kind(environment: str) -> None:
    made = {
        (document["apiVersion"].rpartition("/")[0].partition("/")[0], document["kind"].lower() + "s")
        for service in SERVICES
        for document in rendered(service, environment)
    }
    role = only(kustomized("base"), "Role")
    granted = {
        (group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == {(group, resource) for group, resource in made if group not in OF_EKS}
    for rule in role["rules"]:
        assert rule["verbs"] == ["get", "list", "watch", "create", "update", "patch", "delete"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pipeline_is_of_the_group_that_may_when_it_comes_in(environment: str) -> None:
    binding = only(kustomized("base"), "RoleBinding")
    assert binding["roleRef"]["name"] == only(kustomized("base"), "Role")["metadata"]["name"]
    (group,) = binding["subjects"]
    entries = configuration("cluster", environment)["accessConfig"]["accessEntries"]
    (pipeline,) = (each for each in entries if each["principalARN"].endswith(":role/autodeal-deploy"))
    assert group["kind"] == "Group"
    assert pipeline["kubernetesGroups"] == [group["name"]]
    (policy,) = pipeline["accessPolicies"]
    assert policy["policyARN"].endswith("/AmazonEKSAdminPolicy")
    assert policy["accessScope"] == {"type": "namespace", "namespaces": ["autodeal"]}


def test_verification_is_let_in_and_out_when_the_namespace_denies_by_default() -> None:
    job = read("k8s/verify/job.yaml")["spec"]["template"]
    labels = job["metadata"]["labels"]
    policies = [each for each in rendered("gateway", "live") if each["kind"] == "NetworkPolicy"]
    covering = [each for each in policies if matches(each["spec"]["podSelector"], labels)]
    assert [each["metadata"]["name"] for each in covering] == ["gateway-test"]
    (entry,) = [each for each in policies if each["metadata"]["name"] == "gateway-http"]
    peers = entry["spec"]["ingress"][0]["from"]
    assert any(matches(peer["podSelector"], labels) for peer in peers if "podSelector" in peer)
    own = only(kustomized("verify"), "NetworkPolicy")["spec"]
    assert matches(own["podSelector"], labels)
    engines = kustomized("dev")
    admitted = only(engines, "NetworkPolicy", "engines")["spec"]["ingress"][0]["from"][0]["podSelector"]
    assert matches(admitted, labels)
    pod = job["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not any(
        matches(each["spec"]["selector"], labels)
        for each in rendered("gateway", "live")
        if each["kind"] in {"PodDisruptionBudget", "Deployment"}
    )


def test_secret_store_is_the_one_the_charts_ask_when_read() -> None:
    store = read("k8s/identity/secret-store.yaml")
    schema = json.loads((SCHEMA.parent / "clustersecretstore.json").read_text(encoding="utf-8"))
    jsonschema.validate(store["spec"], schema)
    for environment in ENVIRONMENTS:
        assert store["spec"]["provider"]["aws"]["region"] == facts(environment)["REGION"]
        asked = [
            document["spec"]["secretStoreRef"]
            for service in SERVICES
            for document in rendered(service, environment)
            if document["kind"] == "ExternalSecret"
        ]
        assert asked
        assert all(each == {"kind": store["kind"], "name": store["metadata"]["name"]} for each in asked)


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    named = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in named)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in named
    )


def test_every_folder_is_built_by_kustomize_when_listed() -> None:
    for path in (ROOT / "k8s").rglob("kustomization.yaml"):
        kind = yaml.safe_load(path.read_text(encoding="utf-8"))["kind"]
        if kind == "Kustomization":
            assert kustomized(str(path.parent.relative_to(ROOT / "k8s")))
