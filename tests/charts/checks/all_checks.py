"""Every check, in the order in which they are cheap."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.charts.checks import (
    check_ingress,
    check_links,
    check_live_sync,
    check_monitoring,
    check_network,
    check_objects,
    check_pods,
    check_scaling,
    check_schemas,
    check_settings,
)
from tests.charts.render_charts import Release

Check = Callable[[Release], Iterator[str]]

CHECKS: tuple[Check, ...] = (
    check_objects.check_objects,
    check_objects.check_labels,
    check_pods.check_pod_security,
    check_pods.check_containers,
    check_live_sync.check_live_sync,
    check_pods.check_probes,
    check_pods.check_stopping,
    check_pods.check_deployments,
    check_pods.check_placement,
    check_links.check_selectors,
    check_links.check_services,
    check_links.check_references,
    check_links.check_hooks,
    check_links.check_jobs,
    check_links.check_identity,
    check_links.check_test_pod,
    check_scaling.check_replicas,
    check_scaling.check_autoscaler,
    check_scaling.check_keda,
    check_scaling.check_budgets,
    check_network.check_coverage,
    check_network.check_rules,
    check_network.check_reach,
    check_settings.check_environment,
    check_settings.check_names,
    check_settings.check_programs_start,
    check_settings.check_secrets,
    check_ingress.check_ingress,
    check_ingress.check_idle,
    check_monitoring.check_service_monitor,
    check_monitoring.check_rules_as_they_stand,
    check_monitoring.check_dashboards_as_they_stand,
    check_schemas.check_schemas,
)


def complaints(release: Release) -> Iterator[str]:
    """Return what any check says against a release."""
    for check in CHECKS:
        yield from check(release)
