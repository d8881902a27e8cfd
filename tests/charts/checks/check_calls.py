"""Whom a pod calls inside the cluster: its own policies let it out, and those of the other let it in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.charts.checks.check_network import addresses
from tests.charts.checks.find_pods import FoundPod, matches, pods_of
from tests.charts.render_charts import Json, Release


@dataclass(frozen=True)
class Namespace:
    """All that stands in one namespace, which denies by default."""

    name: str
    objects: Sequence[Json]

    @property
    def labels(self) -> Json:
        """The labels that every namespace has of itself."""
        return {"kubernetes.io/metadata.name": self.name}

    def service(self, host: str) -> Json | None:
        """Return the Service that answers to a host name, short or long."""
        name = host.removesuffix(".cluster.local").removesuffix(".svc").removesuffix(f".{self.name}")
        named = (each for each in self.objects if each["metadata"]["name"] == name)
        return next((each for each in named if each["kind"] == "Service"), None)

    def rules(self, direction: str, pod: FoundPod) -> Iterator[Json]:
        """Return what the policies over a pod allow: its `ingress` or its `egress`."""
        for each in self.objects:
            if each["kind"] == "NetworkPolicy" and matches(each["spec"]["podSelector"], pod.labels):
                yield from each["spec"].get(direction, ())

    def includes(self, peer: Json, pod: FoundPod) -> bool:
        """Tell whether a peer of this namespace's policies is a pod in it; addresses are nobody's here."""
        if "ipBlock" in peer or not matches(peer.get("namespaceSelector", {}), self.labels):
            return False
        return matches(peer.get("podSelector", {}), pod.labels)


def refused_calls(releases: Sequence[Release], engines: Sequence[Json] = ()) -> Iterator[str]:
    """Return each address in the releases' settings that one of their pods would call in vain."""
    objects = [found for release in releases for found in release.objects]
    namespace = Namespace(releases[0].case.namespace, [*objects, *engines])
    for release in releases:
        callers = [pod for pod in pods_of(release.objects) if pod.owner["kind"] == "Deployment"]
        for setting, host, port in addresses(release.values["settings"]):
            if "." in host and not host.removesuffix(".cluster.local").endswith(".svc"):
                continue
            for caller in callers:
                name = caller.owner["metadata"]["name"]
                yield from (f"{name}, {setting}: {why}" for why in _obstacles(namespace, caller, host, port))


def _obstacles(namespace: Namespace, caller: FoundPod, host: str, port: int) -> Iterator[str]:
    service = namespace.service(host)
    ports = service["spec"]["ports"] if service else []
    targets = [each.get("targetPort", port) for each in ports if each["port"] == port]
    if service is None or not targets:
        yield f"nothing listens at {host}:{port}"
        return
    chosen = {"matchLabels": service["spec"]["selector"]}
    called = [pod for pod in pods_of(namespace.objects) if matches(chosen, pod.labels)]
    if not called:
        yield f"no pod is behind {host}"
    for pod in called:
        ways = {targets[0], *(number for name, number in _ports(pod) if targets[0] in (name, number))}
        ways |= {name for name, number in _ports(pod) if number in ways}
        if not _allowed(namespace, "egress", caller, pod, ways):
            yield f"no policy lets it out to {host}:{port}"
        if not _allowed(namespace, "ingress", pod, caller, ways):
            yield f"no policy of {host} lets it in"


def _ports(pod: FoundPod) -> list[tuple[str, int]]:
    return [(each.get("name", ""), each["containerPort"]) for each in pod.container.get("ports", [])]


def _allowed(
    namespace: Namespace, direction: str, governed: FoundPod, other: FoundPod, ways: set[str | int]
) -> bool:
    """Tell whether a rule over one pod allows another, by a port of any of these names and numbers."""
    side = "from" if direction == "ingress" else "to"
    for rule in namespace.rules(direction, governed):
        opened = "ports" not in rule or any(
            each.get("protocol", "TCP") == "TCP" and each["port"] in ways for each in rule["ports"]
        )
        if opened and (side not in rule or any(namespace.includes(peer, other) for peer in rule[side])):
            return True
    return False
