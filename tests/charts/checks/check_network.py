"""Every pod is under a policy, and what it must reach it may reach; nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.charts.checks.find_pods import find_pods, matches
from tests.charts.render_charts import NAMESPACE, Json, Release

DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}
POD_IDENTITY = {
    "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}],
    "ports": [{"port": 80, "protocol": "TCP"}],
}
IN_CLUSTER = {"vehicle": "http", "payment": "http", "gateway": "http"}
"""The Services of the platform, and the port of their pods that they lead to."""


def check_coverage(release: Release) -> Iterator[str]:
    """Each pod is chosen by exactly one policy, which governs both directions."""
    policies = release.of("NetworkPolicy")
    if not release.values["networkPolicy"]["enabled"]:
        return
    for policy in policies:
        if policy["spec"].get("policyTypes") != ["Ingress", "Egress"]:
            yield f"NetworkPolicy {policy['metadata']['name']} governs {policy['spec'].get('policyTypes')}"
        chosen = policy["spec"]["podSelector"].get("matchLabels", {})
        if not {"app.kubernetes.io/name", "app.kubernetes.io/instance"} <= chosen.keys():
            yield f"NetworkPolicy {policy['metadata']['name']} chooses others' pods"
    for pod in find_pods(release):
        over = [
            each["metadata"]["name"] for each in policies if matches(each["spec"]["podSelector"], pod.labels)
        ]
        suffix = {"topics": "migrate"}.get(pod.component, pod.component)
        if over != [f"{release.name}-{suffix}"]:
            yield f"the pod {pod.component} is under the policies {over}"


def check_rules(release: Release) -> Iterator[str]:
    """The rules are those of the values, and what every pod needs."""
    given = release.values["networkPolicy"]
    named = [
        {"to": rule["to"], "ports": [{"port": port, "protocol": "TCP"} for port in rule["ports"]]}
        for _, rule in sorted(given["egress"].items())
    ]
    agent = [POD_IDENTITY] if release.values["identity"]["podIdentity"] else []
    prometheus = {"matchLabels": {"kubernetes.io/metadata.name": given["prometheusNamespace"]}}
    for policy in release.of("NetworkPolicy"):
        name, spec = policy["metadata"]["name"], policy["spec"]
        component = name.rpartition("-")[2]
        own = [_to_own_http(release)] if component == "test" else [*agent, *named]
        if spec.get("egress") != [DNS, *own]:
            yield f"NetworkPolicy {name} lets out to {spec.get('egress')}"
        metrics: Json = {"from": [{"namespaceSelector": prometheus}]}
        metrics["ports"] = [{"port": "metrics" if component == "worker" else "http", "protocol": "TCP"}]
        wanted = {"http": [_callers(release), metrics], "worker": [metrics]}.get(component)
        if spec.get("ingress") != wanted:
            yield f"NetworkPolicy {name} lets in {spec.get('ingress')}"


def _component(release: Release, component: str) -> Json:
    return {
        "podSelector": {
            "matchLabels": {
                "app.kubernetes.io/name": release.case.chart,
                "app.kubernetes.io/instance": release.name,
                "app.kubernetes.io/component": component,
            }
        }
    }


def _to_own_http(release: Release) -> Json:
    return {"to": [_component(release, "http")], "ports": [{"port": "http", "protocol": "TCP"}]}


def _callers(release: Release) -> Json:
    peers = [peer for _, peer in sorted(release.values["networkPolicy"]["ingress"].items())]
    return {"from": [_component(release, "test"), *peers], "ports": [{"port": "http", "protocol": "TCP"}]}


def check_reach(release: Release) -> Iterator[str]:
    """Every address among the settings can be reached by a rule of the values."""
    rules = release.values["networkPolicy"]["egress"].values()
    for setting, host, port in addresses(release.values["settings"]):
        target = IN_CLUSTER.get(host, port)
        if not any(_reaches(peer, host) and target in rule["ports"] for rule in rules for peer in rule["to"]):
            yield f"{setting}: no rule lets out to {host}:{port}"


def addresses(settings: Json) -> Iterator[tuple[str, str, int]]:
    """Return the setting, host and port of each address that a service connects to."""
    for setting, value in settings.items():
        if setting == "KAFKA_BOOTSTRAP_SERVERS":
            for broker in value.split(","):
                host, _, port = broker.partition(":")
                yield setting, host, int(port)
        elif setting == "COGNITO_ISSUER" and "COGNITO_JWKS_URL" in settings:
            continue  # The keys come from elsewhere; the issuer is only a name then.
        elif setting == "DATABASE_URL" or (
            setting.endswith(("_URL", "_ISSUER")) and "NOTIFICATION" not in setting
        ):
            parts = urlsplit(value)
            port = parts.port or {"http": 80, "https": 443, "postgresql": 5432}[parts.scheme]
            yield setting, str(parts.hostname), port


def _reaches(peer: Json, host: str) -> bool:
    """Tell whether a peer is the host: in the cluster by name, outside by any block of addresses."""
    if "ipBlock" in peer:
        ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return "." in host
    name = peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name")
    return bool(name == host) or host == f"{name}.{NAMESPACE}.svc"
