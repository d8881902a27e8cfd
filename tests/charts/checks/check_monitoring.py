"""Prometheus finds every process, and gets the rules and dashboards as they stand in the chart's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator

import yaml
from tests.charts.checks.find_pods import matches
from tests.charts.render_charts import Release


def check_service_monitor(release: Release) -> Iterator[str]:
    """Both Services are chosen, by ports that they have."""
    monitor = release.one("ServiceMonitor", release.name)
    if monitor is None:
        return
    values = release.values["monitoring"]["serviceMonitor"]
    if not values["labels"].items() <= monitor["metadata"]["labels"].items():
        yield "the operator does not choose the ServiceMonitor"
    selector = monitor["spec"]["selector"]
    services = [each for each in release.of("Service") if matches(selector, each["metadata"]["labels"])]
    if services != release.of("Service") or len(selector.get("matchLabels", {})) != 2:
        yield f"Prometheus reads {[each['metadata']['name'] for each in services]} by {selector}"
    ports = [port["name"] for service in services for port in service["spec"]["ports"]]
    endpoints = [{"port": port, "path": "/metrics", "interval": values["interval"]} for port in sorted(ports)]
    if monitor["spec"].get("endpoints") != endpoints:
        yield f"Prometheus reads {monitor['spec'].get('endpoints')}"
    jobs = {service["metadata"]["labels"].get(str(monitor["spec"].get("jobLabel"))) for service in services}
    if jobs != {release.case.chart}:
        yield f"metrics are of the jobs {jobs}, which no rule reads"


def check_rules_as_they_stand(release: Release) -> Iterator[str]:
    """Each file of rules becomes one PrometheusRule of the release's own, its own templates untouched."""
    values = release.values["monitoring"]["rules"]
    labels = values["labels"].items()
    for rule in release.of("PrometheusRule"):
        name = rule["metadata"]["name"].removeprefix(f"{release.name}-")
        text = (release.folder / "rules" / f"{name}.yaml").read_text("utf-8")
        text = text.replace("NAMESPACE", release.case.namespace).replace("RELEASE", release.name)
        text = text.replace("runbook_url: docs/runbooks/", f"runbook_url: {values['runbooks']}/")
        if rule["spec"] != yaml.safe_load(text):
            yield f"the rules of {name} were changed"
        if not labels <= rule["metadata"]["labels"].items():
            yield f"the operator does not choose the rules of {name}"


def check_dashboards_as_they_stand(release: Release) -> Iterator[str]:
    """Each dashboard becomes one ConfigMap that Grafana's sidecar looks for."""
    for config in release.of("ConfigMap"):
        prefix = f"{release.name}-dashboard-"
        name = config["metadata"]["name"]
        if not name.startswith(prefix):
            continue
        stem = name.removeprefix(prefix)
        text = (release.folder / "dashboards" / f"{stem}.json").read_text("utf-8")
        key = f"{release.name}-{stem}.json"
        if list(config.get("data", {})) != [key] or json.loads(config["data"][key]) != json.loads(text):
            yield f"the dashboard {stem} was changed"
        if config["metadata"]["labels"].get("grafana_dashboard") != "1":
            yield f"Grafana does not look for {stem}"
