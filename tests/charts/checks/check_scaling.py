"""One thing decides how many pods there are, within what the topics can feed; evictions always can go on."""

from __future__ import annotations

from collections.abc import Iterator

from tests.charts.render_charts import Release


def check_replicas(release: Release) -> Iterator[str]:
    """`replicas` stands in a Deployment exactly when nothing else decides them."""
    for deployment in release.of("Deployment"):
        name = deployment["metadata"]["name"]
        component = name.rpartition("-")[2]
        scalers = [
            found["metadata"]["name"]
            for found in release.of("HorizontalPodAutoscaler") + release.of("ScaledObject")
            if found["spec"]["scaleTargetRef"]["name"] == name
        ]
        wanted = None if scalers else release.values[component]["replicas"]
        if deployment["spec"].get("replicas") != wanted:
            yield f"{name}: replicas {deployment['spec'].get('replicas')}, scaled by {scalers}"


def check_autoscaler(release: Release) -> Iterator[str]:
    """The HorizontalPodAutoscaler does what the values say, and shrinks slowly."""
    scaler = release.one("HorizontalPodAutoscaler", f"{release.name}-http")
    if scaler is None:
        return
    values = release.values["http"]["autoscaling"]
    target = {"type": "Utilization", "averageUtilization": values["targetCpuPercent"]}
    wanted = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{release.name}-http"},
        "minReplicas": values["minReplicas"],
        "maxReplicas": values["maxReplicas"],
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
    }
    if scaler["spec"] != wanted:
        yield f"the autoscaler is {scaler['spec']}"


def check_keda(release: Release) -> Iterator[str]:
    """KEDA follows the group's lag on each topic, and never asks for more consumers than partitions."""
    scaled = release.one("ScaledObject", f"{release.name}-worker")
    if scaled is None:
        return
    keda, settings = release.values["worker"]["keda"], release.values["settings"]
    wanted = {
        "scaleTargetRef": {"name": f"{release.name}-worker"},
        "minReplicaCount": keda["minReplicas"],
        "maxReplicaCount": keda["maxReplicas"],
        "cooldownPeriod": 300,
    }
    found = {key: value for key, value in scaled["spec"].items() if key != "triggers"}
    if found != wanted:
        yield f"the ScaledObject is {found}"
    if keda["maxReplicas"] > release.values["topics"]["partitions"]:
        yield "there are more consumers than partitions"
    metadata = {
        "bootstrapServers": settings["KAFKA_BOOTSTRAP_SERVERS"],
        "consumerGroup": keda["consumerGroup"],
        "lagThreshold": str(keda["lagThreshold"]),
    }
    if keda["mskIam"]:
        metadata |= {"sasl": "aws_msk_iam", "tls": "enable", "awsRegion": settings["AWS_REGION"]}
    login = {"authenticationRef": {"name": f"{release.name}-worker"}} if keda["mskIam"] else {}
    triggers = [
        {"type": "apache-kafka", "metadata": metadata | {"topic": topic}} | login for topic in keda["topics"]
    ]
    if scaled["spec"].get("triggers") != triggers:
        yield f"KEDA is triggered by {scaled['spec'].get('triggers')}"
    login_object = release.one("TriggerAuthentication", f"{release.name}-worker")
    if login_object is not None and login_object["spec"] != {"podIdentity": {"provider": "aws"}}:
        yield f"KEDA logs in by {login_object['spec']}"


def check_budgets(release: Release) -> Iterator[str]:
    """A disruption budget has one field, which lets a drain go on whatever the number of pods."""
    for budget in release.of("PodDisruptionBudget"):
        found = {key: value for key, value in budget["spec"].items() if key != "selector"}
        if found != {"maxUnavailable": 1}:
            yield f"PodDisruptionBudget {budget['metadata']['name']} is {found}"
